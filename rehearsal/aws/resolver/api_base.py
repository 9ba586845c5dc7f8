"""What all operations of Route 53 Resolver share: the region's things, ids and times, errors, and pages.

Errors are those that the API reference of Route 53 Resolver lists for an operation. Codes in square brackets are from
reports of what the real service says; where nobody reports a text, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from rehearsal.aws.protocol import RequestContext, Service, ServiceError
from rehearsal.aws.resolver.model import ResolverRegion, Thing, new_id

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from rehearsal.aws.server import LocalAws

T = TypeVar("T", bound=Thing)

NAME = re.compile(r"(?!^[0-9]+$)([a-zA-Z0-9\-_' ']+)")
"""The names of all that Resolver makes (API reference, data type FirewallRuleGroup)."""
PAGE = 100
"""How many entries a list shows where the request names no number (API reference, ListFirewallRules)."""


class ResolverBase(Service):
    """The things of every region, made when a region is first asked for."""

    service_name = "route53resolver"

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self._regions: dict[str, ResolverRegion] = {}

    def answer(self, request: Request, region: str, account_id: str, access_key_id: str) -> Response:
        """Answer a request as moto does, one after the other: operations look at moto's VPCs and log groups."""
        with self.aws.lock:
            return super().answer(request, region, account_id, access_key_id)

    def in_region(self, region: str) -> ResolverRegion:
        """Everything in a region."""
        return self._regions.setdefault(region, ResolverRegion())

    def held(self, context: RequestContext) -> ResolverRegion:
        """Everything in the region that the request was signed for."""
        return self.in_region(context.region)

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


def not_played(what: str) -> ServiceError:
    """What the real service can do and the local one cannot."""
    return ServiceError("NotImplemented", f"{what} is not supported by the local AWS", 501)


def find(held: Mapping[str, T], identity: str) -> T:
    """A thing by its id."""
    if identity not in held:
        raise missing(identity)
    return held[identity]


def made_before(held: Mapping[str, T], request: Mapping[str, Any]) -> T | None:
    """What the same request has made before: CreatorRequestId lets a request be sent again without doing it twice."""
    return next((each for each in held.values() if each.creator == request["CreatorRequestId"]), None)


def page(entries: Sequence[Any], request: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the token for the next where there is one; the token is the next entry's index."""
    token = request.get("NextToken") or "0"
    if not token.isdecimal():
        raise invalid(f"The NextToken '{token}' is invalid.")
    start, size = int(token), int(request.get("MaxResults") or PAGE)
    following = {"NextToken": str(start + size)} if start + size < len(entries) else {}
    return list(entries[start : start + size]), following
