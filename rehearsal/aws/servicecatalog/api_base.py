"""What all operations of Service Catalog share: the store, ARNs, tokens, errors and pages.

Error codes are those that botocore's model lists for each operation; their texts are our own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rehearsal.aws.protocol import RequestContext, Service, ServiceError
from rehearsal.aws.regional import Pages
from rehearsal.aws.servicecatalog.model import CatalogRegion

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

T = TypeVar("T")


class CatalogBase(Service):
    """Everything of every region. Operations call other services, so they hold a lock of their own, and not moto's."""

    service_name = "servicecatalog"

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.lock = threading.RLock()
        self._regions: dict[str, CatalogRegion] = {}

    def held(self, context: RequestContext) -> CatalogRegion:
        """Everything in the region that the request was signed for."""
        with self.lock:
            return self._regions.setdefault(context.region, CatalogRegion())

    def once(self, context: RequestContext, token: str, make: Callable[[], T]) -> T:
        """What `make` makes, or what it has made for an earlier request with the same token."""
        with self.lock:
            made = self.held(context).answered
            key = f"{context.operation} {token}"
            if key not in made:
                made[key] = make()
            found: T = made[key]
            return found


def arn(context: RequestContext, kind: str, identity: str) -> str:
    """The ARN of a portfolio or a product."""
    return f"arn:{context.partition}:catalog:{context.region}:{context.account_id}:{kind}/{identity}"


def invalid(text: str) -> ServiceError:
    """A request that cannot be carried out."""
    return ServiceError("InvalidParametersException", text)


def missing(what: str, identity: str) -> ServiceError:
    """What is not there, or not for this caller."""
    return ServiceError("ResourceNotFoundException", f"{what} {identity} not found.")


def duplicate(text: str) -> ServiceError:
    """What is there already."""
    return ServiceError("DuplicateResourceException", text)


def in_use(text: str) -> ServiceError:
    """What cannot go, for something else needs it."""
    return ServiceError("ResourceInUseException", text)


def find(held: Mapping[str, T], what: str, identity: str) -> T:
    """A thing by its ID."""
    if identity not in held:
        raise missing(what, identity)
    return held[identity]


page = Pages(
    token="PageToken", size="PageSize", entries=20, wrong=lambda token: invalid(f"The page token {token} is invalid.")
).page


def paged(name: str, entries: list[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """One page of a list as the answer has it."""
    shown, following = page(entries, request)
    token = following.get("PageToken")
    return {name: shown, **({"NextPageToken": token} if token else {})}
