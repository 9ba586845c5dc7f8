"""What IAM has to know of Auto Scaling groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rehearsal.aws.autoscaling.worker import Scaling


class GroupFacts:
    """The groups of all regions as IAM asks about them."""

    def __init__(self, in_region: Callable[[str], Scaling]) -> None:
        self._in_region = in_region

    def arn(self, region: str, name: str) -> str | None:
        """The ARN of a group."""
        found = self._in_region(region).groups.get(name)
        return found.arn if found is not None else None

    def arn_of_instance(self, region: str, instance_id: str) -> str | None:
        """The ARN of the group that an instance is in."""
        scaling = self._in_region(region)
        with scaling.lock:
            return next((group.arn for group in scaling.groups.values() if instance_id in group.members), None)

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """A group's tags; empty where there is no such group."""
        scaling = self._in_region(region)
        with scaling.lock:
            found = next((group for group in scaling.groups.values() if group.arn == arn), None)
            return {tag.key: tag.value for tag in found.tags.values()} if found is not None else {}
