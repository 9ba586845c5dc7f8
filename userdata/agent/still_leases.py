"""Releases a lease whose holder was seen to stand still, or is terminated, for the function, which cannot see that.

It has no clock across its calls, so to it a lease is free only when it is released. A node that died while it restarted
its static pods would else hold up its own removal for as long as no other one restarts.
"""

from __future__ import annotations

import time

from coordination import node_leases
from coordination.node_leases import LeaseName
from coordination.outcomes import Conflict, Unknown
from coordination.ports import Table
from coordination.termination import States
from coordination.timings import Timings
from userdata.agent.tasks import Task
from userdata.leases.keeper import Clock
from userdata.leases.watching import WatchedLease
from userdata.logs.lines import StageFailed


class StillLease:
    """Watches one lease. `clock` is this node's own, in seconds that only grow."""

    def __init__(
        self,
        table: Table,
        name: LeaseName,
        timings: Timings,
        clock: Clock = time.monotonic,
        states: States | None = None,
    ) -> None:
        self._table = table
        self._timings = timings
        self._watched = WatchedLease(table, name, timings.lease, clock, states)

    def task(self) -> Task:
        """The leader's task."""
        return Task(f"still-{self._watched.name}", self._timings.renew, self.run, leader_only=True)

    def run(self) -> str:
        """Look once. Raises StageFailed where the lease cannot be read, or whether it is released is unknown."""
        reading, still = self._watched.look()
        if isinstance(reading, Unknown):
            raise StageFailed(reading.reason)
        seen = reading.value
        if seen is None or not still:
            return ""
        outcome = self._table.apply(node_leases.release_still(seen))
        if isinstance(outcome, Unknown):
            raise StageFailed(outcome.reason)
        return "" if isinstance(outcome, Conflict) else f"released {seen.item_id}, for {seen.owner} does not renew it"
