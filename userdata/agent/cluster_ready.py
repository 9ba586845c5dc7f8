"""The signal that a cluster exists: sent once every slot has a healthy voter. The stack waits for one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from coordination.names import CLUSTER_READY
from coordination.outcomes import Done, Reading, Request, Unknown
from userdata.agent.tasks import Task
from userdata.etcd.view import EtcdView
from userdata.kube.unwrap import known
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 5.0
PATIENCE_SECONDS = 3600.0
"""How long a stack may take until it waits: as long as it would wait then. After that it is an old cluster's agent."""


def why_not(view: EtcdView, slots: int) -> str | None:
    """Why the cluster is not whole yet; None when it is."""
    if view.listed.unfinished:
        return "a member of etcd is not a voter yet"
    if len(view.listed.voters) < slots:
        return f"etcd has {len(view.listed.voters)} voters for {slots} slots"
    return next((problem for problem in view.problems.values() if problem), None)


@dataclass
class ClusterReadySignal:
    """Tells once. `signal` is NoOp where the stack does not wait: not yet, or not any more."""

    slots: int
    look: Callable[[], Reading[EtcdView]]
    signal: Callable[[], Request]
    clock: Callable[[], float] = time.monotonic
    _since: float | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)

    def run(self) -> str:
        """Signal, if the cluster is whole and this was not done before. Raises StageFailed."""
        if self._over or why_not(known(self.look()), self.slots) is not None:
            return ""
        self._since = self.clock() if self._since is None else self._since
        outcome = self.signal()
        if isinstance(outcome, Done):
            self._over = True
            return f"signalled {CLUSTER_READY}: all {self.slots} slots have healthy voters"
        # Until its last slot is made the stack does not wait yet, and years later it does not wait any more.
        self._over = self.clock() - self._since > PATIENCE_SECONDS
        if isinstance(outcome, Unknown):
            raise StageFailed(outcome.reason)
        return ""


def task(announcing: ClusterReadySignal) -> Task:
    """The leader tells; where it is lost before, the next one does."""
    return Task("cluster-ready", PERIOD_SECONDS, announcing.run, leader_only=True)
