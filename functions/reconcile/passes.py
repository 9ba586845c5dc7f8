"""One pass: take the lease, gather, decide, apply, release."""

from __future__ import annotations

from dataclasses import dataclass

from coordination.outcomes import Done, NoTable, Unknown
from coordination.teardowns import Teardown
from functions.reconcile import deletion, lease
from functions.reconcile.actions import (
    AnswerTeardown,
    CompleteHook,
    DismissTeardown,
    SetPhaseDeleting,
    TerminateRetained,
    Wait,
)
from functions.reconcile.apply import Result, apply
from functions.reconcile.decide import decide
from functions.reconcile.gather import gather, unknowns
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.snapshot import Snapshot

# Store the phase; let everything go; answer. Each step needs what the one before changed, read afresh.
_MOST_ROUNDS = 3
PATIENCE_SECONDS = 15.0
"""How long an event waits for another pass to end, which takes a second or three: what woke it may have come after that
one had read it. Whoever holds the lease for longer hangs or has died, and the schedule comes when it is free."""
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Report:
    """What a pass did. `busy` says why it did nothing, if another one runs; `problems` is what failed, and `snapshot`
    what it saw last, None where it looked at nothing."""

    results: tuple[Result, ...] = ()
    problems: tuple[str, ...] = ()
    busy: str = ""
    snapshot: Snapshot | None = None

    @property
    def answered(self) -> bool:
        """Whether CloudFormation got its answer."""
        given = AnswerTeardown | DismissTeardown
        return any(isinstance(one.action, given) and isinstance(one.outcome, Done) for one in self.results)

    def left(self) -> str:
        """What still stands between CloudFormation and its answer, as far as the pass knows."""
        waits = [one.action.reason for one in self.results if isinstance(one.action, Wait)]
        return waits[-1] if waits else "what is left is unknown"


def run(ports: Ports, settings: Settings, owner: str, request: Teardown | None = None, *, news: bool = True) -> Report:
    """Run one pass as `owner`, a name that no other call of the function has. With `news` it waits for another one to
    end; the schedule has none.

    Where the lease's state is unknown the pass runs without it: its decisions are then to wait, and heartbeats are due.
    """
    holding = _take(ports, settings, owner, PATIENCE_SECONDS if news else 0.0)
    if isinstance(holding, lease.Busy):
        return Report(busy=holding.reason)
    results: list[Result] = []
    failed: list[str] = []
    snapshot: Snapshot | None = None
    try:
        for _ in range(_MOST_ROUNDS):
            snapshot = gather(ports, settings, holding, request)
            done = apply(decide(snapshot), ports, settings)
            results += done
            failed += _unread(snapshot)
            failed += [problem for one in done if (problem := one.problem())]
            if not _moved_on(snapshot, done):
                break
    finally:
        # Not released, it is free after twice the time-out: late, but no harm.
        if not isinstance(holding, Unknown):
            lease.release(ports.table, owner, holding.value)
    return Report(tuple(results), tuple(dict.fromkeys(failed)), snapshot=snapshot)


def _take(ports: Ports, settings: Settings, owner: str, seconds: float) -> lease.Taking:
    """The lease, once no other pass holds it, or what is in the way after so many seconds."""
    while True:
        holding = lease.take(ports.table, owner, int(ports.clock()), settings.timeout_seconds)
        if not isinstance(holding, lease.Busy) or seconds <= 0:
            return holding
        ports.pause(_PAUSE_SECONDS)
        seconds -= _PAUSE_SECONDS


def _unread(snapshot: Snapshot) -> list[str]:
    """What could not be read or understood, one line each. A cluster that is deleted may well have no table."""
    deleting = deletion.stage(snapshot) is not None
    return [reading.reason for reading in unknowns(snapshot) if not (deleting and isinstance(reading, NoTable))]


def _moved_on(snapshot: Snapshot, done: list[Result]) -> bool:
    """Whether the deletion got further and may go on at once; everything else waits for the next event."""
    changed = {type(one.action) for one in done if isinstance(one.outcome, Done)}
    if AnswerTeardown in changed:
        return False
    if SetPhaseDeleting in changed:
        return True
    if deletion.stage(snapshot) is None or deletion.teardown(snapshot) is None:
        return False
    return bool(changed & {CompleteHook, TerminateRetained})
