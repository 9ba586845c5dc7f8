"""What all operations of Route 53 Resolver share: the region's things, ids and times, errors, and pages.

Errors are those that the API reference of Route 53 Resolver lists for an operation. Codes in square brackets are from
reports of what the real service says; where nobody reports a text, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from rehearsal.aws.protocol import RequestContext, ServiceError
from rehearsal.aws.regional import Pages, RegionalService
from rehearsal.aws.resolver.model import ResolverRegion, Thing, new_id

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

T = TypeVar("T", bound=Thing)

NAME = re.compile(r"(?!^[0-9]+$)([a-zA-Z0-9\-_' ']+)")
"""The names of all that Resolver makes (API reference, data type FirewallRuleGroup)."""


class ResolverBase(RegionalService[ResolverRegion]):
    """The things of every region."""

    service_name = "route53resolver"

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws, ResolverRegion)

    def require_vpc(self, context: RequestContext, vpc_id: str, error: Callable[[str], ServiceError]) -> None:
        """Raise an error about a VPC that is not there."""
        from moto.ec2.models import ec2_backends

        if vpc_id not in ec2_backends[context.account_id][context.region].vpcs:
            raise error(vpc_id)

    def make(self, context: RequestContext, request: Mapping[str, Any], kind: str, resource: str, of: type[T]) -> T:
        """A new thing with the name and the tags of a request; whoever makes it puts it where it belongs."""
        name = request["Name"]
        if not NAME.fullmatch(name):
            raise invalid(f"Value '{name}' at 'name' failed to satisfy constraint: {NAME.pattern}")
        identity, now = new_id(kind), moment()
        arn = f"arn:{context.partition}:route53resolver:{context.region}:{context.account_id}:{resource}/{identity}"
        if request.get("Tags"):
            self.held(context).tags[arn] = {each["Key"]: each["Value"] for each in request["Tags"]}
        return of(identity, arn, name, request["CreatorRequestId"], now, now)


def moment() -> str:
    """Now, in RFC 3339."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def invalid(text: str) -> ServiceError:
    """What DNS Firewall answers to a request that cannot be."""
    return ServiceError("ValidationException", text)


def conflict(text: str) -> ServiceError:
    """What DNS Firewall answers where something is in a state that does not go with the request."""
    return ServiceError("ConflictException", text)


def missing(identity: str) -> ServiceError:
    """What is not there."""
    return ServiceError("ResourceNotFoundException", f"[RSLVR-02025] Can't find the resource with ID '{identity}'.")


def find(held: Mapping[str, T], identity: str) -> T:
    """A thing by its id."""
    if identity not in held:
        raise missing(identity)
    return held[identity]


def made_before(held: Mapping[str, T], request: Mapping[str, Any]) -> T | None:
    """What the same request has made before: CreatorRequestId lets a request be sent again without doing it twice."""
    return next((each for each in held.values() if each.creator == request["CreatorRequestId"]), None)


_PAGES = Pages(
    token="NextToken",
    size="MaxResults",
    # API reference, ListFirewallRules.
    entries=100,
    wrong=lambda token: invalid(f"The NextToken '{token}' is invalid."),
)
page = _PAGES.page
