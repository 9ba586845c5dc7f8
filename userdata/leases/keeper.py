"""Taking a lease, and keeping a lease or a claim alive by a thread for as long as a stage may last.

What the thread cannot renew is lost: whoever works under it has to stop, and to look again. Time is this node's own
monotonic clock, which goes on while the program is frozen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from coordination import claims, node_leases
from coordination.exclusion import Taken
from coordination.fields import Malformed
from coordination.names import lease_item
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.outcomes import Conflict, Done, Item, Refused, Unknown, Write
from coordination.ports import Table
from coordination.record import ClusterRecord, cluster_record
from coordination.termination import States
from coordination.timings import Timings
from coordination.writes import Transaction, Update
from userdata.leases.others import Others
from userdata.leases.watching import WatchedLease

Clock = Callable[[], float]
Held = TypeVar("Held")


@dataclass(frozen=True)
class Busy:
    """Somebody else holds the lease, or whether is unknown; `reason` says it for people."""

    reason: str


class Contender:
    """Tries to take one lease; between two tries it remembers what it saw, which is how it judges a silent holder.

    With `others` it is taken in one transaction with the checks that nothing goes on beside it that must not.
    """

    def __init__(
        self,
        table: Table,
        name: LeaseName,
        owner: str,
        lease_seconds: float,
        clock: Clock = time.monotonic,
        others: Others | None = None,
        states: States | None = None,
    ) -> None:
        self._table = table
        self._name = name
        self._owner = owner
        self._watched = WatchedLease(table, name, lease_seconds, clock, states, owner)
        self._others = others

    def try_once(self) -> NodeLease | Busy:
        """The lease, if it is free, was one's own, or its holder stands still or is terminated."""
        # First, and each time: who holds another lease is judged by being looked at again and again, too.
        beside = () if self._others is None else self._others.look()
        reading, over = self._watched.look()
        if isinstance(reading, Unknown):
            return Busy(f"whether {lease_item(self._name)} is free is unknown: {reading.reason}")
        seen = reading.value
        if seen is not None and seen.owner not in ("", self._owner) and not over:
            return Busy(f"{seen.owner} holds {lease_item(self._name)}")
        if isinstance(beside, Taken):
            return Busy(beside.reason)
        holding = node_leases.take(self._name, seen, self._owner)
        outcome = self._take(holding.write, beside)
        if isinstance(outcome, Done):
            return holding.lease
        return Busy(f"{lease_item(self._name)} was not taken: {said(outcome)}")

    def _take(self, write: Update, beside: tuple[Update, ...]) -> Write | Refused:
        if not beside:
            return self._table.apply(write)
        return self._table.transact(Transaction((write, *beside)))


@dataclass(frozen=True)
class RenewalRules(Generic[Held]):
    """How one kind of thing is renewed."""

    renew: Callable[[Held], tuple[Update, Held]]
    """The write, and what is held once it is done."""
    stored: Callable[[Held, Item | None], Held | None]
    """What is held after a refused renewal, by the item as it is now; None where it is somebody else's."""


class Keeper(Generic[Held]):
    """Renews what is held, until it is closed, lost, or the stage's deadline has come."""

    def __init__(
        self,
        table: Table,
        held: Held,
        rules: RenewalRules[Held],
        timings: Timings,
        stage_seconds: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._table = table
        self._held = held
        self._rules = rules
        self._timings = timings
        self._clock = clock
        self._renewed = clock()
        self._deadline = self._renewed + stage_seconds
        self._lost: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    @property
    def held(self) -> Held:
        """What is held, as it was written last."""
        return self._held

    @property
    def lost(self) -> str | None:
        """Why it must not be relied on any more; None while it may."""
        now = self._clock()
        if self._lost is not None:
            return self._lost
        if now >= self._deadline:
            return "the stage took longer than it may"
        if now - self._renewed >= self._timings.lease:
            return "it expired: it could not be renewed for a whole lease"
        return None

    def remaining(self) -> float:
        """Seconds until the stage's deadline."""
        return max(0.0, self._deadline - self._clock())

    def close(self) -> Held:
        """Renew no more; what is held stays stored as it is."""
        self._closing.set()
        self._thread.join()
        return self._held

    def _keep(self) -> None:
        while not self._closing.wait(self._timings.renew):
            if self._lost is not None:
                return
            # After a pause nobody may renew what others had every right to take for dead.
            self._lost = self.lost
            if self._lost is not None:
                return
            began = self._clock()
            write, held = self._rules.renew(self._held)
            outcome = self._table.apply(write)
            if isinstance(outcome, Done):
                self._held, self._renewed = held, began
            elif isinstance(outcome, Conflict):
                # An earlier renewal whose reply was lost may be what is stored.
                stored = self._rules.stored(self._held, outcome.current)
                if stored is None:
                    self._lost = "another owner has taken it"
                    return
                self._held = stored


def _renewed_lease(held: NodeLease) -> tuple[Update, NodeLease]:
    holding = node_leases.renew(held)
    return holding.write, holding.lease


def _stored_lease(held: NodeLease, item: Item | None) -> NodeLease | None:
    try:
        stored = None if item is None else node_lease(item)
    except Malformed:
        return None
    mine = stored is not None and (stored.owner, stored.fence) == (held.owner, held.fence)
    return stored if mine else None


def _renewed_claim(held: ClusterRecord) -> tuple[Update, ClusterRecord]:
    claim = claims.renew(held)
    return claim.write, claim.record


def _stored_claim(held: ClusterRecord, item: Item | None) -> ClusterRecord | None:
    try:
        stored = None if item is None else cluster_record(item)
    except Malformed:
        return None
    if stored is None or (stored.owner, stored.epoch, stored.phase) != (held.owner, held.epoch, held.phase):
        return None
    return replace(held, counter=stored.counter)


LEASE = RenewalRules(_renewed_lease, _stored_lease)
CLAIM = RenewalRules(_renewed_claim, _stored_claim)


def said(outcome: Conflict | Refused | Unknown) -> str:
    """Why a write did not happen, for people."""
    if isinstance(outcome, Unknown):
        return outcome.reason
    if isinstance(outcome, Refused):
        return f"one of {', '.join(sorted(outcome.current))} is not as it has to be"
    return "another writer has changed it since"
