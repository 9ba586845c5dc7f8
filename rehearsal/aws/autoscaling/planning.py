"""What a group lacks or has too much of: pure decisions over the model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from rehearsal.aws.autoscaling.model import Group, Member, State

LAUNCH_RETRY_SECONDS = 10
"""The wait after a first failed launch; it doubles with every further failure."""
LAUNCH_RETRY_LIMIT_SECONDS = 600
"""The longest wait between two launch attempts."""


@dataclass(frozen=True)
class Retirement:
    """An instance that has to go, and why (the text ends in the activity's cause)."""

    member: Member
    reason: str


def launch_retry_seconds(failures: int) -> float:
    """How long to wait after so many failed launches in a row."""
    return float(min(LAUNCH_RETRY_LIMIT_SECONDS, LAUNCH_RETRY_SECONDS * 2 ** max(0, failures - 1)))


def subnet_for_launch(group: Group) -> str:
    """The subnet with the fewest instances, counted by zone first, so that instances spread over the zones."""
    staying = [member for member in group.members.values() if member.counts]
    by_zone = Counter(member.availability_zone for member in staying)
    by_subnet = Counter(member.subnet_id for member in staying)
    order = list(group.subnets)
    return min(order, key=lambda subnet: (by_zone[group.subnets[subnet]], by_subnet[subnet], order.index(subnet)))


def missing(group: Group) -> int:
    """How many instances are to be started now, leaving aside those that replace an unhealthy one first."""
    if group.deleting or not group.runs("Launch"):
        return 0
    return max(0, group.desired_capacity - group.capacity)


def surplus(group: Group) -> list[Retirement]:
    """Which instances a scale-in takes: unprotected ones, from the fullest zone, the longest-serving first."""
    if not group.runs("Terminate"):
        return []
    staying = [member for member in group.members.values() if member.counts]
    # An instance started ahead of the one that it replaces is not a surplus while both are there.
    replacing = sum(member.replaces in group.members for member in staying)
    excess = len(staying) - replacing - group.desired_capacity
    chosen: list[Retirement] = []
    while excess > len(chosen):
        left = [member for member in staying if all(member is not gone.member for gone in chosen)]
        candidates = [member for member in left if not member.protected_from_scale_in]
        if not candidates:
            break
        by_zone = Counter(member.availability_zone for member in left)
        victim = min(candidates, key=lambda member: (-by_zone[member.availability_zone], member.joined_at))
        chosen.append(Retirement(victim, "in response to a difference between desired and actual capacity"))
    return chosen


def launches_before_terminating(group: Group) -> bool:
    """Whether the maintenance policy keeps an unhealthy instance until its replacement is in service."""
    policy = group.settings.get("InstanceMaintenancePolicy") or {}
    return int(policy.get("MinHealthyPercentage", -1)) >= 100


def surge_room(group: Group) -> int:
    """How many instances the maintenance policy allows beyond those that count now."""
    policy = group.settings.get("InstanceMaintenancePolicy") or {}
    limit = math.ceil(group.desired_capacity * int(policy.get("MaxHealthyPercentage", 100)) / 100)
    return max(0, limit - group.capacity)


def unhealthy(group: Group) -> list[Retirement]:
    """The instances in the group that health checks, or a caller, found unhealthy."""
    if group.deleting or not group.runs("ReplaceUnhealthy") or not group.runs("Terminate"):
        return []
    return [
        Retirement(member, member.health_reason)
        for member in group.members.values()
        if member.counts and not member.healthy
    ]


def past_lifetime(group: Group, age_seconds: Callable[[Member], float]) -> list[Retirement]:
    """The instances in service for longer than MaxInstanceLifetime."""
    limit = group.settings.get("MaxInstanceLifetime") or 0
    if not limit or group.deleting or not group.runs("Terminate"):
        return []
    return [
        Retirement(member, "in response to a maximum instance lifetime limit")
        for member in group.members.values()
        if member.state is State.IN_SERVICE and age_seconds(member) > limit
    ]
