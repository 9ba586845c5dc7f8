"""One of the agent's leases: taken when it is free, renewed by a thread, and released."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from coordination import node_leases
from coordination.node_leases import LeaseName, NodeLease
from coordination.ports import Table
from coordination.termination import States
from coordination.timings import Timings
from userdata.leases.keeper import LEASE, Busy, Clock, Contender, Keeper
from userdata.leases.others import Others
from userdata.logs.lines import StageFailed


class LeaseHolder:
    """`stage_seconds` is how long it is held at most; a task that hangs then loses it. `others` must not go on when it
    is taken."""

    def __init__(
        self,
        table: Table,
        name: LeaseName,
        owner: str,
        timings: Timings,
        stage_seconds: float = math.inf,
        clock: Clock = time.monotonic,
        others: Others | None = None,
        states: States | None = None,
    ) -> None:
        self._table = table
        self._name = name
        self._clock = clock
        self._timings = timings
        self._stage_seconds = stage_seconds
        self._contender = Contender(table, name, owner, timings.lease, clock, others, states)
        self._kept: Keeper[NodeLease] | None = None
        self._aside_until = -math.inf

    def held(self) -> bool:
        """Whether this node holds it now."""
        # Read once, for another thread may release it meanwhile.
        kept = self._kept
        return kept is not None and kept.lost is None

    def contend(self) -> str:
        """Take the lease if it is free: a task of its own for the lease that makes this agent the leader.

        A holder is judged by looking at it again and again, so this has to be called again and again. It says what
        changed, and nothing where nothing did. That somebody else leads is no failure.
        """
        if self.held() or self._clock() < self._aside_until:
            return ""
        lost = self._kept.lost if self._kept else None
        self._forget()
        tried = self._try()
        if not isinstance(tried, Busy):
            return f"this node holds {tried.item_id}"
        return f"this node does not hold the lease any more: {lost}" if lost is not None else ""

    def stand_aside(self) -> None:
        """Release it, and contend for it no more for the time of a lease, so that another node takes it first."""
        self._aside_until = self._clock() + self._timings.lease
        self.release()

    @contextmanager
    def during(self) -> Iterator[NodeLease]:
        """Hold it for a while; the lease as it was taken. Raises StageFailed where somebody else holds it, or whether
        is unknown."""
        tried = self._try()
        if isinstance(tried, Busy):
            raise StageFailed(tried.reason)
        try:
            yield tried
        finally:
            self.release()

    def require(self) -> None:
        """Raises StageFailed where the lease is lost: what comes next is somebody else's to do."""
        if not self.held():
            why = self._kept.lost if self._kept else "it was released"
            raise StageFailed(f"the lease {self._name} is not this node's any more: {why}")

    def release(self) -> None:
        """Let the next one take it at once. Where the write fails, the lease is found standing still instead."""
        held = self._forget()
        if held is not None:
            self._table.apply(node_leases.release(held))

    def _try(self) -> NodeLease | Busy:
        """Take it if it is free, and keep it."""
        tried = self._contender.try_once()
        if not isinstance(tried, Busy):
            self._kept = Keeper(self._table, tried, LEASE, self._timings, self._stage_seconds)
        return tried

    def _forget(self) -> NodeLease | None:
        kept, self._kept = self._kept, None
        return None if kept is None else kept.close()
