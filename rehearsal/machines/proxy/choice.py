"""Which targets a new connection may go to, and whose connections are reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rehearsal.machines.proxy.plan import HEALTHY, UNHEALTHY, Group, Target

StateOf = Callable[[Target], str]
"""A target's state, as its health checks found it."""


def candidates(group: Group, zone: str, state: StateOf) -> Sequence[Target]:
    """The targets that a node may send a new connection to.

    These are the healthy ones. When there is none the balancer fails open, and it is all of them (Network Load Balancer
    user guide, "Health checks for target groups").
    """
    in_reach = [each for each in group.targets if not each.draining and (group.cross_zone or each.zone == zone)]
    return [each for each in in_reach if state(each) == HEALTHY] or in_reach


def fails_open(group: Group, state: StateOf) -> bool:
    """Whether connections go to targets that are not healthy, because no target of the group is."""
    return not any(state(each) == HEALTHY for each in group.targets if not each.draining)


def to_reset(group: Group, state: StateOf) -> Sequence[Target]:
    """The targets whose connections end, because they are unhealthy and others are not."""
    if not group.cut_unhealthy or fails_open(group, state):
        return []
    return [each for each in group.targets if not each.draining and state(each) == UNHEALTHY]
