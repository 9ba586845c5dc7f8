"""Releases a lease whose holder was seen to stand still, for the function, which cannot see that.

It has no clock across its calls, so to it a lease is free only when it is released. A node that died while it restarted
its static pods would else hold up its own removal for as long as no other one restarts.
"""

from __future__ import annotations

import time

from coordination import node_leases
from coordination.fields import parsed
from coordination.lease_watch import LeaseWatch, observe
from coordination.names import lease_item
from coordination.node_leases import LeaseName, node_lease
from coordination.outcomes import Conflict, Unknown
from coordination.ports import Table
from coordination.timings import Timings
from userdata.agent.tasks import Task
from userdata.leases.keeper import Clock
from userdata.logs.lines import StageFailed


class StillLease:
    """Watches one lease. `clock` is this node's own, in seconds that only grow."""

    def __init__(self, table: Table, name: LeaseName, timings: Timings, clock: Clock = time.monotonic) -> None:
        self._table = table
        self._name = name
        self._timings = timings
        self._clock = clock
        self._watch: LeaseWatch | None = None

    def task(self) -> Task:
        """The leader's task."""
        return Task(f"still-{self._name}", self._timings.renew, self.run, leader_only=True)

    def run(self) -> str:
        """Look once. Raises StageFailed where the lease cannot be read, or whether it is released is unknown."""
        began = self._clock()
        reading = parsed(self._table.get(lease_item(self._name)), node_lease)
        ended = self._clock()
        if isinstance(reading, Unknown):
            raise StageFailed(reading.reason)
        seen = reading.value
        if seen is None or not seen.owner:
            self._watch = None
            return ""
        self._watch = observe(self._watch, (seen.owner, seen.counter), began, ended)
        if not self._watch.is_still(self._timings.lease):
            return ""
        outcome = self._table.apply(node_leases.release_still(seen))
        if isinstance(outcome, Unknown):
            raise StageFailed(outcome.reason)
        return "" if isinstance(outcome, Conflict) else f"released {seen.item_id}, for {seen.owner} does not renew it"
