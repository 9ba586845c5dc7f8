"""Checks the targets of all groups, each at its own pace, and says what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rehearsal.machines.proxy.checks import failure
from rehearsal.machines.proxy.health import Health, after, checkers
from rehearsal.machines.proxy.plan import Finding, Group, Plan, Target

Key = tuple[str, tuple[str, int]]


class Monitor:
    """The health of a balancer's targets."""

    def __init__(self, found: Callable[[Finding], None]) -> None:
        self._found = found
        self._plan = Plan()
        self._health: dict[Key, Health] = {}
        self._checking: dict[Key, asyncio.Task[None]] = {}

    def apply(self, plan: Plan) -> None:
        """Check the targets of this plan from now on, and no others."""
        self._plan = plan
        wanted = {(group.arn, target.key) for group in plan.groups for target in group.targets if not target.draining}
        for key in self._checking.keys() - wanted:
            self._checking.pop(key).cancel()
            del self._health[key]
        for key in wanted - self._checking.keys():
            self._health[key] = Health()
            self._checking[key] = asyncio.ensure_future(self._watch(key))

    def state(self, group: Group, target: Target) -> str:
        """A target's state."""
        return self._health.get((group.arn, target.key), Health()).state

    async def close(self) -> None:
        """End all checks."""
        for task in self._checking.values():
            task.cancel()
        await asyncio.gather(*self._checking.values(), return_exceptions=True)
        self._checking.clear()

    async def _watch(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            # Looked up in each round: how a group is checked may change while its targets stay.
            group = next(group for group in self._plan.groups if group.arn == key[0])
            target = next(target for target in group.targets if target.key == key[1])
            await self._round(key, group, target)
            await asyncio.sleep(max(0.0, started + group.check.interval_seconds - loop.time()))

    async def _round(self, key: Key, group: Group, target: Target) -> None:
        nodes = checkers(self._plan.zones, target, group.cross_zone)
        if not nodes:
            return
        reasons = await asyncio.gather(*(failure(node, target, group.check) for node in nodes))
        results = {node.name: reason for node, reason in zip(nodes, reasons, strict=True)}
        before = self._health[key]
        health = self._health[key] = after(before, results, group.check)
        if (health.state, health.reason, health.seen_by) != (before.state, before.reason, before.seen_by):
            self._found(Finding(group.arn, target.target_id, target.port, health.state, health.reason, health.seen_by))
