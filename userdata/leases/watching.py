"""Looks at somebody else's lease again and again: whether its holder renews it, by this node's own clock.

A holder that EC2 calls terminated will never renew it, nor do anything else under it: nobody waits for a whole lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from coordination.fields import parsed
from coordination.lease_watch import LeaseWatch, observe
from coordination.names import lease_item
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import TableReader
from coordination.termination import TERMINATED, States


@dataclass
class WatchedLease:
    """One lease. `clock` is this node's own, in seconds that only grow."""

    table: TableReader
    name: LeaseName
    lease_seconds: float
    clock: Callable[[], float] = time.monotonic
    states: States | None = None
    """None where EC2 is not asked, and each holder has its whole lease."""
    own: str = ""
    """This node, of which nobody asks EC2."""
    _watch: LeaseWatch | None = field(default=None, init=False)

    def look(self) -> tuple[Reading[NodeLease | None], bool]:
        """The lease, and whether its holder was seen not to renew it for a whole lease, or is terminated."""
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
        return reading, self._watch.is_still(self.lease_seconds) or self._is_terminated(seen.owner, self._watch)

    def _is_terminated(self, holder: str, watch: LeaseWatch) -> bool:
        """Whether EC2 says so. It is asked of a holder alone that has not renewed since the look before."""
        if self.states is None or holder == self.own or watch.until <= watch.since:
            return False
        states = self.states([holder])
        return isinstance(states, Known) and states.value.get(holder) == TERMINATED
