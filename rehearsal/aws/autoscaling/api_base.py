"""What all Auto Scaling operations share: the region's groups, finding things in them, and pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rehearsal.aws.autoscaling.model import Group, Member
from rehearsal.aws.autoscaling.requests import invalid
from rehearsal.aws.autoscaling.worker import Scaling
from rehearsal.aws.protocol import RequestContext, Service, ServiceError


class AutoScalingBase(Service):
    """The groups of every region, made when a region is first asked for."""

    service_name = "autoscaling"

    def in_region(self, region: str) -> Scaling:
        """The groups of a region."""
        raise NotImplementedError

    def client(self, service: str, region: str) -> Any:
        """A boto3 client for another service of the same region."""
        raise NotImplementedError

    def role_just_made(self, region: str) -> str:
        """Make the service-linked role where the account lacks it; its ARN then, empty where it was there before."""
        raise NotImplementedError

    def scaling(self, context: RequestContext) -> Scaling:
        """The groups of the region that the request was signed for."""
        return self.in_region(context.region)

    def group(self, scaling: Scaling, name: str) -> Group:
        """A group by name or ARN; a missing one is the error that Auto Scaling gives."""
        for group in scaling.groups.values():
            if name in (group.name, group.arn):
                return group
        raise invalid(f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")

    def member(self, scaling: Scaling, instance_id: str) -> tuple[Group, Member]:
        """An instance and its group."""
        for group in scaling.groups.values():
            if instance_id in group.members:
                return group, group.members[instance_id]
        raise invalid(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")

    def members(self, group: Group, instance_ids: Iterable[str]) -> list[Member]:
        """Instances that must all belong to the group."""
        found = []
        for instance_id in instance_ids:
            if instance_id not in group.members:
                raise invalid(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
            found.append(group.members[instance_id])
        return found


def page(items: list[Any], request: dict[str, Any], limit: int) -> tuple[list[Any], dict[str, str]]:
    """One page of the items, and the token for the next where there is one; the token is the next item's index."""
    token = request.get("NextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("InvalidNextToken", f"The token '{token}' is invalid.", 400)
    start, size = int(token), min(request.get("MaxRecords") or limit, 100)
    following = {"NextToken": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], following
