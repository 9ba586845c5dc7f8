"""Looks at what must not go on beside an activity, so that it begins only in one transaction with the checks of it.

It remembers what it saw, which is how it judges a holder that does not renew its lease: so it has to look again and
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from coordination import exclusion, operations
from coordination.exclusion import LEASES, NEEDS, Activity, Standing, Taken
from coordination.fields import parsed
from coordination.names import OPERATION_ITEM
from coordination.operations import operation
from coordination.ports import TableReader
from coordination.termination import States
from coordination.writes import Update
from userdata.leases.watching import WatchedLease


class Others:
    """The activities that exclude the one that `begins`.

    `clock` is this node's own, in seconds that only grow; `wall` gives seconds since 1970.
    """

    def __init__(
        self,
        table: TableReader,
        begins: Activity,
        lease_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        states: States | None = None,
    ) -> None:
        self._table = table
        self._begins = begins
        self._wall = wall
        leases = [other for other in NEEDS[begins] if other in LEASES]
        self._watched = {other: WatchedLease(table, LEASES[other], lease_seconds, clock, states) for other in leases}

    def look(self) -> tuple[Update, ...] | Taken:
        """The checks for the transaction that begins it; or what it has to wait for."""
        # All of them are read each time, for each has to be watched without a gap.
        return exclusion.checks(self._begins, {other: self._standing(other) for other in NEEDS[self._begins]})

    def _standing(self, other: Activity) -> Standing:
        if other is Activity.REMOVAL:
            return operations.standing(parsed(self._table.get(OPERATION_ITEM), operation), int(self._wall()))
        reading, still = self._watched[other].look()
        return exclusion.of_lease(other, reading, still=still)
