"""What becomes of a worker that terminates: its drain is asked for and waited for, in bounded time. Pure.

The leading agent drains (coordination.drains). Nothing of etcd hangs on a worker, so where nobody can drain it, or
where nobody can tell how far that is, it goes undrained rather than being held for ever. Only a stored drain whose time
is not over extends its worker's hook. Where that cannot be read, or be written, the hook ends by itself, with CONTINUE,
within the time of one heartbeat.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from coordination import drains
from coordination.drains import Drain, DrainOutcome
from coordination.instances import GroupInstance
from coordination.names import WORKER_ROLE
from coordination.outcomes import Unknown
from coordination.record import Phase
from coordination.rows import Rows
from functions.reconcile.actions import (
    Action,
    ClearDrain,
    CompleteHook,
    Heartbeat,
    RequestDrain,
    TerminateRetained,
    Wait,
)
from functions.reconcile.snapshot import Snapshot

_OUTCOMES = {
    DrainOutcome.DRAINED: "a worker; its pods have left it",
    DrainOutcome.NO_NODE: "a worker that is no node of the cluster",
    DrainOutcome.FORCED: "a worker; the pods that had not left it by its deadline were deleted",
}
_OVERDUE = f"a worker; no agent has drained it in {drains.DRAIN_SECONDS + drains.GRACE_SECONDS} s"


@dataclass(frozen=True)
class _Ends:
    """Nothing holds the worker any more."""

    reason: str


@dataclass(frozen=True)
class _Drains:
    """It is being drained, or will be once `request` is stored.

    `extends` says that it takes so long that its hook, which may have begun long before, needs a heartbeat. Most drains
    need none, and there may be many workers.
    """

    request: Drain | None = None
    extends: bool = False


_State: TypeAlias = _Ends | _Drains | Unknown


def is_drained_first(instance: GroupInstance, snapshot: Snapshot) -> bool:
    """Whether the decisions here are about it: a leaving worker of which no row says that it is a member of etcd."""
    if instance.role != WORKER_ROLE or not (instance.waits_to_terminate or instance.is_retained):
        return False
    return isinstance(snapshot.rows, Unknown) or instance.instance_id not in snapshot.rows.value.members


def decide(snapshot: Snapshot) -> list[Action]:
    """What to do about leaving workers and their drains; nothing while the groups are unknown."""
    if isinstance(snapshot.groups, Unknown):
        return []
    leaving = [each for each in snapshot.groups.value.instances if is_drained_first(each, snapshot)]
    actions = [action for each in leaving for action in _of(each, _state(each, snapshot))]
    return [*actions, *_over(snapshot, {each.instance_id for each in leaving})]


def _state(instance: GroupInstance, snapshot: Snapshot) -> _State:
    if isinstance(snapshot.lease, Unknown):
        return Unknown(f"whether another pass runs is unknown: {snapshot.lease.reason}")
    if isinstance(snapshot.rows, Unknown):
        return Unknown(f"how far its drain is, is unknown: {snapshot.rows.reason}")
    rows = snapshot.rows.value
    if _nobody_could(rows):
        return _Ends("a worker; no cluster is ready that could drain it")
    stored = rows.drains.get(instance.instance_id)
    if stored is None:
        return _Drains(drains.requested(instance.instance_id, snapshot.now))
    if isinstance(stored, Unknown):
        # To wait for it would be to wait for ever. To ask anew would be so, too: whoever wrote it may do it again.
        return _Ends(f"a worker; nobody can say how far its drain is: {stored.reason}")
    found = stored.value
    if found.outcome is not None:
        return _Ends(_OUTCOMES[found.outcome])
    if found.is_overdue(snapshot.now):
        return _Ends(_OVERDUE)
    return _Drains(extends=snapshot.now - found.requested_at >= drains.DRAIN_SECONDS // 2)


def _nobody_could(rows: Rows) -> bool:
    """Whether there certainly is no ready cluster. An unknown record may be of one: the deadline ends that wait."""
    if isinstance(rows.record, Unknown):
        return False
    return rows.record.value is None or rows.record.value.phase is not Phase.READY


def _of(instance: GroupInstance, state: _State) -> list[Action]:
    held, leave = instance.waits_to_terminate, "a worker; its pods leave it first"
    match state:
        case _Ends(reason=reason):
            return [CompleteHook(instance, reason) if held else TerminateRetained(instance, reason)]
        case _Drains(request=Drain() as request):
            return [RequestDrain(request, leave)]
        case _Drains(extends=True) if held:
            return [Heartbeat(instance, leave)]
        case _Drains():
            return [Wait(instance.instance_id, leave if held else f"it is retained: {leave}")]
        case Unknown(reason=reason):
            return [Wait(instance.instance_id, f"a worker; {reason}")]


def _over(snapshot: Snapshot, leaving: Collection[str]) -> list[Action]:
    """The drains of workers that nothing holds any more."""
    if isinstance(snapshot.rows, Unknown) or isinstance(snapshot.lease, Unknown):
        return []
    return [
        ClearDrain(name, seen, "no hook holds its worker any more")
        for name, seen in sorted(snapshot.rows.value.drains.items(), key=lambda pair: pair[0])
        if name not in leaving
    ]
