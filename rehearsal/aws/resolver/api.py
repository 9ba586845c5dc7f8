"""The Route 53 Resolver service: all operations together, those on tags among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.resolver.api_associations import FirewallAssociations
from rehearsal.aws.resolver.api_base import missing, page
from rehearsal.aws.resolver.api_domains import DomainOperations
from rehearsal.aws.resolver.api_firewall import FirewallOperations
from rehearsal.aws.resolver.api_query_logs import QueryLogOperations
from rehearsal.aws.resolver.model import ResolverRegion

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


class Resolver(DomainOperations, FirewallOperations, FirewallAssociations, QueryLogOperations):
    """Route 53 Resolver of the local AWS."""

    def tag_resource(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        self._tags(context, request).update({each["Key"]: each["Value"] for each in request["Tags"]})
        return {}

    def untag_resource(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags(context, request)
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags(context, request)
        shown, following = page([{"Key": key, "Value": value} for key, value in tags.items()], request)
        return {"Tags": shown, **following}

    def _tags(self, context: RequestContext, request: dict[str, Any]) -> dict[str, str]:
        held, arn = self.held(context), request["ResourceArn"]
        if all(thing.arn != arn for thing in held.tagged()):
            raise missing(arn)
        return held.tags.setdefault(arn, {})


_running: WeakKeyDictionary[LocalAws, Resolver] = WeakKeyDictionary()


def resolver_in_region(aws: LocalAws, region: str) -> ResolverRegion:
    """What the Resolver of a running local AWS holds in a region. KeyError when it is not started."""
    return _running[aws].in_region(region)


def start(aws: LocalAws) -> None:
    """Answer Resolver's requests in this local AWS."""
    service = Resolver(aws)
    _running[aws] = service
    aws.register(service)
