"""Looks at somebody else's lease again and again: whether its holder renews it, by this node's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from coordination.fields import parsed
from coordination.lease_watch import LeaseWatch, observe
from coordination.names import lease_item
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.outcomes import Reading, Unknown
from coordination.ports import TableReader


@dataclass
class WatchedLease:
    """One lease. `clock` is this node's own, in seconds that only grow."""

    table: TableReader
    name: LeaseName
    lease_seconds: float
    clock: Callable[[], float] = time.monotonic
    _watch: LeaseWatch | None = field(default=None, init=False)

    def look(self) -> tuple[Reading[NodeLease | None], bool]:
        """The lease, and whether somebody holds it who was seen not to renew it for a whole lease."""
        began = self.clock()
        reading = parsed(self.table.get(lease_item(self.name)), node_lease)
        ended = self.clock()
        if isinstance(reading, Unknown):
            # What was seen before counts once it can be read again.
            return reading, False
        seen = reading.value
        if seen is None or not seen.owner:
            self._watch = None
            return reading, False
        self._watch = observe(self._watch, (seen.owner, seen.counter), began, ended)
        return reading, self._watch.is_still(self.lease_seconds)
