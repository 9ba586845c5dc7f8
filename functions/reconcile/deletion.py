"""The decisions of a pass while the cluster is being deleted.

The phase is stored before the first hook is completed: from then on no founder can claim the cluster, so no instance
whose hook is completed can be a member of a cluster that somebody still uses.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.instances import GroupInstance
from coordination.outcomes import Known, NoTable, Unknown
from coordination.record import Phase
from coordination.rows import understood
from coordination.stacks import DELETING_STATES
from coordination.teardowns import Teardown
from functions.reconcile.actions import (
    Action,
    AnswerTeardown,
    ClearCondition,
    CompleteHook,
    Heartbeat,
    SetPhaseDeleting,
    TerminateRetained,
    Wait,
)
from functions.reconcile.hold_condition import is_hold
from functions.reconcile.snapshot import Snapshot


@dataclass(frozen=True)
class DeletionProgress:
    """`stored` says whether the table holds the phase, or does not exist and so can hold no cluster either."""

    stored: bool
    reason: str


def stage(snapshot: Snapshot) -> DeletionProgress | None:
    """How far the deletion is; None if the cluster is not being deleted, as far as is known."""
    if _phase(snapshot) is Phase.DELETING:
        return DeletionProgress(stored=True, reason="the cluster is being deleted")
    if teardown(snapshot) is not None:
        reason = "CloudFormation asks for the deletion"
    elif isinstance(snapshot.root_status, Known) and snapshot.root_status.value in DELETING_STATES:
        reason = f"the root stack is {snapshot.root_status.value}"
    else:
        return None
    return DeletionProgress(stored=isinstance(snapshot.rows, NoTable), reason=reason)


def decide(snapshot: Snapshot, stage: DeletionProgress) -> list[Action]:
    """Set the phase; once it is stored, let everything go and answer CloudFormation."""
    if not stage.stored:
        # The next round reads the table again and goes on from there.
        return [SetPhaseDeleting(stage.reason), *_keep(snapshot), *_answer(snapshot, ["the phase is not stored yet"])]
    if isinstance(snapshot.groups, Unknown):
        return [
            Wait("groups", snapshot.groups.reason),
            *_answer(snapshot, [f"the groups are unknown ({snapshot.groups.reason})"]),
        ]
    actions: list[Action] = []
    left = []
    for instance in snapshot.groups.value.instances:
        if instance.waits_to_terminate:
            actions.append(CompleteHook(instance, stage.reason))
            left.append(_left(instance))
        elif instance.is_retained:
            actions.append(TerminateRetained(instance, stage.reason))
            left.append(_left(instance))
        elif instance.waits_to_launch:
            # CONTINUE, not ABANDON: its group would only start another one. Nothing waits for it here: it leaves with
            # its group, through the hook above.
            actions.append(CompleteHook(instance, stage.reason))
    return [*actions, *_clear(snapshot, stage.reason), *_answer(snapshot, left)]


def teardown(snapshot: Snapshot) -> Teardown | None:
    """The request of CloudFormation that waits for an answer: this event's own, else the stored one."""
    if snapshot.request is not None:
        return snapshot.request
    if isinstance(snapshot.rows, Known) and isinstance(snapshot.rows.value.teardown, Known):
        return snapshot.rows.value.teardown.value
    return None


def _phase(snapshot: Snapshot) -> Phase | None:
    """The phase in the table; None if there is none or it is unknown."""
    if not isinstance(snapshot.rows, Known) or not isinstance(snapshot.rows.value.record, Known):
        return None
    record = snapshot.rows.value.record.value
    return record.phase if record is not None else None


def _keep(snapshot: Snapshot) -> list[Action]:
    """Heartbeats: storing the phase may fail for longer than a hook waits."""
    if isinstance(snapshot.groups, Unknown):
        return []
    reason = "the phase is not stored yet"
    return [Heartbeat(instance, reason) for instance in snapshot.groups.value.instances if instance.waits_to_terminate]


def _clear(snapshot: Snapshot, reason: str) -> list[Action]:
    if isinstance(snapshot.rows, Unknown):
        return []
    stored = understood(snapshot.rows.value.conditions)
    return [ClearCondition(stored[name], reason) for name in sorted(stored) if is_hold(name)]


def _answer(snapshot: Snapshot, left: list[str]) -> list[Action]:
    """Answer when nothing is left. At the deadline answer all the same and name what is left.

    The answer is never a failure: the deletion that goes on wakes further passes, which end what is left, while a
    failure would stop the deletion half-way and end nothing.
    """
    waiting = teardown(snapshot)
    if waiting is None:
        return []
    if not left:
        return [AnswerTeardown(waiting, "nothing holds the deletion any more")]
    named = "; ".join(left)
    if snapshot.now >= waiting.answer_by:
        return [AnswerTeardown(waiting, f"time is up; left: {named}")]
    return [Wait(waiting.physical_id, f"left: {named}")]


def _left(instance: GroupInstance) -> str:
    return f"{instance.instance_id} ({instance.lifecycle_state} in {instance.group})"
