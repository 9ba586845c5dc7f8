"""The decisions of a pass while the cluster is being deleted, and on a request to delete it that is no proof of that.

A deletion is what the root stack's own status says, once it was read as a deleting one. A request alone is none:
whoever may call the function can send one. So a request waits while the status is unknown, and while it is any other
one the request is dismissed.

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
    DismissTeardown,
    Heartbeat,
    SetPhaseDeleting,
    TerminateRetained,
    Wait,
)
from functions.reconcile.hold_condition import is_hold
from functions.reconcile.snapshot import Snapshot

UNDECIDED = "whether the root stack is being deleted is unknown"


@dataclass(frozen=True)
class DeletionProgress:
    """`stored` says whether the table holds the phase, or does not exist and so can hold no cluster either."""

    stored: bool
    reason: str


def stage(snapshot: Snapshot) -> DeletionProgress | None:
    """How far the deletion is; None if the cluster is not being deleted, as far as is known."""
    if _phase(snapshot) is Phase.DELETING:
        return DeletionProgress(stored=True, reason="the cluster is being deleted")
    if isinstance(snapshot.root_status, Unknown) or snapshot.root_status.value not in DELETING_STATES:
        return None
    reason = f"the root stack is {snapshot.root_status.value}"
    return DeletionProgress(stored=isinstance(snapshot.rows, NoTable), reason=reason)


def no_deletion(status: str) -> str:
    """What a request to delete is answered while the root stack has a status that is none of a deletion.

    With success: only the cleanup of an update that took Teardown out of the template, or back, asks so, and it goes on
    without Teardown as the cluster does. Were it a deletion all the same, whose status was read a moment too early, the
    hooks of its groups wake passes that read it again, as in a creation that fails before there is a Teardown; a
    failure would stop it half-way. Whoever else asks is told one word of the stack, and nothing of the cluster.
    """
    return f"the root stack is {status}: this is no deletion of the cluster, and nothing was done"


def unbelieved(snapshot: Snapshot) -> list[Action]:
    """What becomes of a request to delete the cluster which the root stack's status does not bear out.

    Once it is due it is answered, as every request: CloudFormation goes on with what may be a deletion, and whichever
    instances that ends are held until the status is known. What could not be read is not told: anybody may have asked.
    """
    waiting = teardown(snapshot)
    if waiting is None:
        return []
    if isinstance(snapshot.root_status, Known):
        return [DismissTeardown(waiting, no_deletion(snapshot.root_status.value))]
    if snapshot.now >= waiting.answer_by:
        return [AnswerTeardown(waiting, f"time is up; {UNDECIDED}, and nothing was done")]
    return [Wait(waiting.physical_id, UNDECIDED)]


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
