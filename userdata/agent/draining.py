"""The task that drains workers: one step for each that is to be drained, and the word that it is done.

Each run goes as far as it can without waiting for a Pod, and nothing is remembered but in the table, so that another
agent may go on at any point: a step that is repeated evicts only what is left.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from coordination import drains
from coordination.drains import Drain, DrainOutcome
from coordination.names import CLUSTER_ITEM, DRAIN_ITEM_PREFIX
from coordination.outcomes import Conflict, Unknown
from coordination.ports import Table
from coordination.rows import Rows, read, understood, unreadable
from userdata.agent.tasks import Task
from userdata.kube.drain import Drained, Step, Waiting, Why
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0
"""Each look is a scan of the table: a drain has ten minutes, and `kubectl drain` evicts every five seconds."""


@dataclass(frozen=True)
class DrainContext:
    """What the task needs of its node. Callables never raise."""

    instance_id: str
    epoch: int
    """Of this node's etcd data."""
    table: Table
    drain: Callable[[str, bool], Step]
    """One step of a node's drain, with or without force (userdata.kube.drain)."""
    beat: Callable[[], object]
    """Says that the task moves."""
    wall: Callable[[], float] = time.time
    """In seconds since 1970."""


class WorkerDrains:
    """Carries out the drains that stand in the table, all of them in each run."""

    def __init__(self, context: DrainContext) -> None:
        self._context = context

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The task, of the leader alone."""
        return Task("drains", period_seconds, self.run, leader_only=True, urgent=True)

    def run(self) -> str:
        """Go on with every drain. Raises StageFailed with what has to be tried again, after doing the rest."""
        found = read(self._context.table, (CLUSTER_ITEM, DRAIN_ITEM_PREFIX))
        if isinstance(found, Unknown):
            raise StageFailed(found.reason)
        going_on = [each for each in understood(found.value.drains).values() if each.outcome is None]
        # The function completes these hooks by itself.
        troubles = [each.reason for each in unreadable(found.value.drains).values()]
        if going_on:
            self._require_own_epoch(found.value)
        ended = []
        # In any order, so that nodes whose steps take long do not keep the same others waiting in every run.
        for each in random.sample(going_on, len(going_on)):
            try:
                ended += self._go_on(each)
            except StageFailed as failed:
                troubles.append(str(failed))
            self._context.beat()
        said = "; ".join(sorted(ended))
        if troubles:
            raise StageFailed("; ".join([*([said] if said else []), *sorted(troubles)]))
        return said

    def _require_own_epoch(self, rows: Rows) -> None:
        """Nodes of another epoch's cluster are not here, and what is not here would be told to be no node."""
        if isinstance(rows.record, Unknown):
            raise StageFailed(rows.record.reason)
        record = rows.record.value
        if record is None or record.epoch != self._context.epoch:
            raise StageFailed(f"the cluster here is of epoch {self._context.epoch}, and not the record's")

    def _go_on(self, seen: Drain) -> list[str]:
        """One step; what was done, where the drain has ended. Raises StageFailed."""
        late = seen.is_late(int(self._context.wall()))
        step = self._context.drain(seen.instance_id, late)
        match step:
            case Drained(had_node=had_node):
                return self._done(seen, DrainOutcome.DRAINED if had_node else DrainOutcome.NO_NODE)
            case Waiting(left=left) if late:
                untold = [pod for pod in left if pod.why is not Why.TERMINATING]
                if untold:
                    raise StageFailed(f"{len(untold)} Pods of {seen.instance_id} were not told to end yet")
                # They were told to end: nobody waits for them any longer.
                return self._done(seen, DrainOutcome.FORCED)
            case Waiting():
                return []
            case refused:
                # Also after the deadline: as long as the function waits, a later step may delete what is left.
                raise StageFailed(f"{seen.instance_id} cannot be drained: {refused.reason}")

    def _done(self, seen: Drain, outcome: DrainOutcome) -> list[str]:
        written = self._context.table.apply(
            drains.done(seen, outcome, self._context.instance_id, int(self._context.wall()))
        )
        if isinstance(written, Unknown):
            raise StageFailed(f"whether the drain of {seen.instance_id} is done is unknown: {written.reason}")
        # Another agent has said so, or nobody waits for it any more.
        return [] if isinstance(written, Conflict) else [f"drain of {seen.instance_id}: {outcome}"]
