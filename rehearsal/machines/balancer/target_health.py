"""DescribeTargetHealth as balancers that run know it. Without them every target is as healthy as moto says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.patching import around
from rehearsal.machines.balancer.report import Report


class Source(Protocol):
    """Who knows the health of targets. It is asked while the local AWS's lock is held."""

    def reports(self, group: str) -> Sequence[Report] | None:
        """The targets of a group; None for a group that no balancer of this kind serves."""

    def serving_zones(self, balancer: str) -> frozenset[str]:
        """The zones of a balancer where a healthy target is reached."""


_source: Source | None = None
_patched = False


def attach(aws: LocalAws, source: Source) -> None:
    """Let a source answer until the local AWS stops, or `detach`."""
    global _source, _patched
    if not _patched:
        _patch()
        _patched = True
    _source = source
    aws.on_stop(detach)


def detach() -> None:
    """Let moto answer again."""
    global _source
    _source = None


def serving_zones(balancer: str) -> frozenset[str]:
    """The zones of a balancer where a healthy target is reached; none where nobody knows."""
    return frozenset() if _source is None else _source.serving_zones(balancer)


def _patch() -> None:
    from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

    @around(ELBv2Backend, "describe_target_health")
    def describe_target_health(plain: Any, self: Any, target_group_arn: str, targets: list[dict[str, Any]]) -> Any:
        shown = plain(self, target_group_arn, targets)
        reports = None if _source is None else _source.reports(target_group_arn)
        if reports is None:
            return shown
        check_port = self.target_groups[target_group_arn].health_check_port
        known = {
            each.target_id: FakeHealthStatus(
                each.target_id,
                str(each.port),
                str(each.port) if check_port == "traffic-port" else check_port,
                each.state,
                each.reason or None,
                each.description or None,
            )
            for each in reports
        }
        if not targets:
            return list(known.values())
        return [known.get(each.instance_id) or _unknown(each) for each in shown]


def _unknown(shown: Any) -> Any:
    """A target that is none, or whose deregistration delay is over: moto lets terminated instances drain for ever."""
    shown.status, shown.reason = "unused", "Target.NotRegistered"
    shown.description = "Target is not registered to the target group"
    return shown
