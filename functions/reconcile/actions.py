"""What a pass can decide. Every action is conditional or idempotent, and carries its reason into the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.approvals import Approval
from coordination.conditions import Condition
from coordination.drains import Drain
from coordination.instances import GroupInstance, SlotGroup
from coordination.members import Member
from coordination.names import ReplacementState
from coordination.operations import Operation
from coordination.outcomes import Reading
from coordination.record import ClusterRecord
from coordination.replacements import Replacement
from coordination.teardowns import Teardown
from coordination.timers import Timer


@dataclass(frozen=True)
class SetPhaseDeleting:
    """Store that the cluster is being deleted, whatever the record says now."""

    reason: str


@dataclass(frozen=True)
class CompleteHook:
    """Let an instance that a hook holds go on.

    With `bars`, the record of a ready cluster, its row is written first, which bars it from becoming a member: it has
    none, and may be about to write one.
    """

    instance: GroupInstance
    reason: str
    bars: ClusterRecord | None = None


@dataclass(frozen=True)
class Heartbeat:
    """Keep a terminating instance held."""

    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class TerminateRetained:
    """Terminate an instance whose hook was abandoned."""

    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class EndInstance:
    """Terminate an instance in service; `row` is that of a silent member, in which that is noted first."""

    instance: GroupInstance
    row: Member | None
    reason: str


@dataclass(frozen=True)
class EndSurplus:
    """Terminate one of two instances of a slot, and lower its group's desired capacity by one."""

    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class RegisterTarget:
    """Have the balancer send clients to a member again that terminates, since no other one serves."""

    instance: GroupInstance
    row: Member
    group: SlotGroup
    reason: str


@dataclass(frozen=True)
class DeregisterTarget:
    """Take that back."""

    instance: GroupInstance
    row: Member
    group: SlotGroup
    reason: str


@dataclass(frozen=True)
class NoteHook:
    """Write into a member's row since when its terminating hook holds it."""

    row: Member
    reason: str


@dataclass(frozen=True)
class RequestOperation:
    """Ask the agents to change etcd's membership."""

    operation: Operation
    reason: str


@dataclass(frozen=True)
class WithdrawOperation:
    """Wait for an operation no longer."""

    operation: Operation
    reason: str


@dataclass(frozen=True)
class NoteVeto:
    """Write into a member's row that an agent has refused to remove it."""

    row: Member
    reason: str


@dataclass(frozen=True)
class NoteEnd:
    """Write into an operation that an agent has ended since when that is known."""

    operation: Operation
    reason: str


@dataclass(frozen=True)
class ClearOperation:
    """Delete an operation that has ended."""

    operation: Operation
    reason: str


@dataclass(frozen=True)
class RequestDrain:
    """Ask the agents to drain a worker."""

    drain: Drain
    reason: str


@dataclass(frozen=True)
class ClearDrain:
    """Delete the drain of a worker that no hook holds any more; `seen` is Unknown where it cannot be understood."""

    instance_id: str
    seen: Reading[Drain]
    reason: str


@dataclass(frozen=True)
class ClearApproval:
    """Delete a person's approval of a removal, which can allow nothing any more."""

    approved: Approval
    reason: str


@dataclass(frozen=True)
class AcceptReplacement:
    """Write that a slot's instance is being replaced as somebody asked, then terminate it."""

    asked: Replacement
    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class AnswerReplacement:
    """Tell whoever asked for a replacement what became of it, in one line."""

    asked: Replacement
    state: ReplacementState
    result: str
    successor: str
    reason: str


@dataclass(frozen=True)
class ClearReplacement:
    """Delete an answered request for a replacement."""

    asked: Replacement
    reason: str


@dataclass(frozen=True)
class StartSlot:
    """Raise a slot's group from no instance to one."""

    group: SlotGroup
    reason: str


@dataclass(frozen=True)
class ResumeProcesses:
    """Have Auto Scaling go on with processes of a group that are suspended."""

    group: str
    processes: frozenset[str]
    reason: str


@dataclass(frozen=True)
class StartTimer:
    """Store since when something lasts."""

    timer: Timer
    reason: str


@dataclass(frozen=True)
class StopTimer:
    """Delete a timer."""

    timer: Timer
    reason: str


@dataclass(frozen=True)
class SetCondition:
    """Store a condition; `replaces` is what is stored now, None if nothing is known to be."""

    condition: Condition
    replaces: Condition | None
    reason: str


@dataclass(frozen=True)
class ClearCondition:
    """Delete a condition that does not hold any more."""

    condition: Condition
    reason: str


@dataclass(frozen=True)
class ProtectTable:
    """Switch the table's protection against deletion on."""

    reason: str


@dataclass(frozen=True)
class AnswerTeardown:
    """Tell CloudFormation that it may go on with the deletion."""

    teardown: Teardown
    reason: str


@dataclass(frozen=True)
class DismissTeardown:
    """Forget a request to delete the cluster that is none, and tell CloudFormation that it may go on."""

    teardown: Teardown
    reason: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do about `subject` in this pass."""

    subject: str
    reason: str


Action: TypeAlias = (
    SetPhaseDeleting
    | CompleteHook
    | Heartbeat
    | TerminateRetained
    | EndInstance
    | EndSurplus
    | RegisterTarget
    | DeregisterTarget
    | NoteHook
    | RequestOperation
    | WithdrawOperation
    | NoteVeto
    | NoteEnd
    | ClearOperation
    | RequestDrain
    | ClearDrain
    | ClearApproval
    | AcceptReplacement
    | AnswerReplacement
    | ClearReplacement
    | StartSlot
    | ResumeProcesses
    | StartTimer
    | StopTimer
    | SetCondition
    | ClearCondition
    | ProtectTable
    | AnswerTeardown
    | DismissTeardown
    | Wait
)


def subject(action: Action) -> str:
    """What the action is about, as the log names it: never an address at which CloudFormation waits."""
    match action:
        case CompleteHook() | Heartbeat() | TerminateRetained() | EndInstance() | EndSurplus():
            return action.instance.instance_id
        case RegisterTarget() | DeregisterTarget():
            return action.instance.instance_id
        case NoteHook() | NoteVeto():
            return action.row.instance_id
        case RequestOperation() | WithdrawOperation() | NoteEnd() | ClearOperation():
            return str(action.operation)
        case RequestDrain():
            return action.drain.instance_id
        case ClearDrain():
            return action.instance_id
        case ClearApproval():
            return action.approved.named
        case AcceptReplacement():
            return action.instance.instance_id
        case AnswerReplacement() | ClearReplacement():
            return action.asked.item_id
        case StartSlot():
            return action.group.name
        case ResumeProcesses():
            return action.group
        case StartTimer() | StopTimer():
            return action.timer.name
        case SetCondition() | ClearCondition():
            return action.condition.name
        case AnswerTeardown() | DismissTeardown():
            return action.teardown.physical_id
        case Wait():
            return action.subject
        case SetPhaseDeleting():
            return "cluster"
        case ProtectTable():
            return "table"
