"""The health of one target, as a function of what the balancer's nodes saw: consensus, thresholds, states.

Each node checks each target that it sends connections to. AWS documents a consensus of the nodes and not its rule
(Network Load Balancer user guide, "Health checks for target groups"); here it is half of them, at least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rehearsal.machines.proxy.plan import CHECKING, HEALTHY, INITIAL, UNHEALTHY, Check, Target, Zone


@dataclass(frozen=True)
class Health:
    """A target's state, and how many checks in a row spoke for another one."""

    state: str = INITIAL
    reason: str = CHECKING
    passed: int = 0
    failed: int = 0
    seen_by: tuple[str, ...] = ()
    """The zones whose nodes reached it in the last round."""


def after(health: Health, results: Mapping[str, str], check: Check) -> Health:
    """A target's health after one round: `results` has for each node's zone the reason of its failure, or ""."""
    seen_by = tuple(sorted(zone for zone, reason in results.items() if not reason))
    if 2 * len(seen_by) >= len(results):
        passed = health.passed + 1
        if health.state == HEALTHY or passed >= check.healthy_threshold:
            return Health(HEALTHY, "", passed, 0, seen_by)
        return Health(health.state, health.reason, passed, 0, seen_by)
    failed = health.failed + 1
    reason = _commonest([reason for reason in results.values() if reason])
    if health.state == UNHEALTHY or failed >= check.unhealthy_threshold:
        return Health(UNHEALTHY, reason, 0, failed, seen_by)
    return Health(health.state, health.reason, 0, failed, seen_by)


def checkers(zones: Sequence[Zone], target: Target, cross_zone: bool) -> tuple[Zone, ...]:
    """The nodes that check a target: those that may send connections to it."""
    return tuple(zone for zone in zones if cross_zone or zone.name == target.zone)


def _commonest(reasons: Sequence[str]) -> str:
    return max(sorted(set(reasons)), key=reasons.count)
