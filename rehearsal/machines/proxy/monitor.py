"""Checks the targets of all groups, each at its own pace, and says what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rehearsal.machines.proxy.checks import failure
from rehearsal.machines.proxy.health import Health, after, checkers
from rehearsal.machines.proxy.plan import Finding, Group, Plan, Target

Watched = tuple[str, tuple[str, int], float]
"""A target group, a target's key, and its registration."""


class Monitor:
    """The health of a balancer's targets."""

    def __init__(self, found: Callable[[Finding], None]) -> None:
        self._found = found
        self._plan = Plan()
        self._health: dict[Watched, Health] = {}
        self._checking: dict[Watched, asyncio.Task[None]] = {}

    def apply(self, plan: Plan) -> None:
        """Check the targets of this plan from now on, and no others."""
        self._plan = plan
        wanted = {_watched(group, target) for group in plan.groups for target in group.targets if not target.draining}
        for watched in self._checking.keys() - wanted:
            self._checking.pop(watched).cancel()
            del self._health[watched]
        for watched in wanted - self._checking.keys():
            self._health[watched] = Health()
            self._checking[watched] = asyncio.ensure_future(self._watch(watched))

    def state(self, group: Group, target: Target) -> str:
        """A target's state."""
        return self._health.get(_watched(group, target), Health()).state

    async def close(self) -> None:
        """End all checks."""
        for task in self._checking.values():
            task.cancel()
        await asyncio.gather(*self._checking.values(), return_exceptions=True)
        self._checking.clear()

    async def _watch(self, watched: Watched) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            # Looked up in each round: how a group is checked may change while its targets stay.
            group = next(group for group in self._plan.groups if group.arn == watched[0])
            target = next(target for target in group.targets if target.key == watched[1])
            await self._round(group, target)
            await asyncio.sleep(max(0.0, started + group.check.interval_seconds - loop.time()))

    async def _round(self, group: Group, target: Target) -> None:
        nodes = checkers(self._plan.zones, target, group.cross_zone)
        if not nodes:
            return
        reasons = await asyncio.gather(*(failure(node, target, group.check) for node in nodes))
        results = {node.name: reason for node, reason in zip(nodes, reasons, strict=True)}
        before = self._health[_watched(group, target)]
        health = self._health[_watched(group, target)] = after(before, results, group.check)
        if (health.state, health.reason, health.seen_by) != (before.state, before.reason, before.seen_by):
            found = Finding(group.arn, *target.key, health.state, health.reason, health.seen_by, target.since)
            self._found(found)


def _watched(group: Group, target: Target) -> Watched:
    return group.arn, target.key, target.since
