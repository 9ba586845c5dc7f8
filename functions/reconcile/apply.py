"""Carrying out what was decided. One action that fails does not keep the others from being tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from coordination import drains, member_writes, operations, replacements
from coordination.drains import Drain
from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.names import (
    OPERATION_ITEM,
    REMOVAL_APPROVAL_ITEM,
    TABLE_KEY,
    TEARDOWN_ITEM,
    ReplacementField,
    condition_item,
    drain_item,
    timer_item,
)
from coordination.operations import OperationOutcome
from coordination.outcomes import Conflict, Done, Known, NoOp, Reading, Refused, Request, Unknown, Write
from coordination.record import ClusterRecord
from coordination.teardowns import Teardown
from coordination.writes import Update
from functions.reconcile import answers
from functions.reconcile.actions import (
    AcceptReplacement,
    Action,
    AnswerReplacement,
    AnswerTeardown,
    ClearApproval,
    ClearCondition,
    ClearDrain,
    ClearOperation,
    ClearReplacement,
    CompleteHook,
    DeregisterTarget,
    DismissTeardown,
    EndInstance,
    EndSurplus,
    Heartbeat,
    NoteEnd,
    NoteHook,
    NoteVeto,
    ProtectTable,
    RegisterTarget,
    RequestDrain,
    RequestOperation,
    ResumeProcesses,
    SetCondition,
    SetPhaseDeleting,
    StartSlot,
    StartTimer,
    StopTimer,
    TerminateRetained,
    Wait,
    WithdrawOperation,
    subject,
)
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.teardown import set_phase_deleting

# What an answer to CloudFormation with all its tries, and the release of the lease, may still take.
_RESERVE_SECONDS = 20


@dataclass(frozen=True)
class Postponed:
    """There was no time left for it; the next pass decides anew."""


Outcome: TypeAlias = Done | NoOp | Conflict | Refused | Unknown | Postponed


@dataclass(frozen=True)
class Result:
    """What became of an action."""

    action: Action
    outcome: Outcome

    def line(self) -> dict[str, str]:
        """The decision as the log shows it."""
        line = {
            "action": type(self.action).__name__,
            "subject": subject(self.action),
            "reason": self.action.reason,
            "outcome": type(self.outcome).__name__,
        }
        if isinstance(self.outcome, Unknown | NoOp):
            line["detail"] = self.outcome.reason
        return line

    def problem(self) -> str:
        """What failed, in one line; empty if nothing did. A conflict is none: whoever was quicker knew more."""
        if not isinstance(self.outcome, Unknown):
            return ""
        return f"{type(self.action).__name__} {subject(self.action)}: {self.outcome.reason}"


def apply(actions: Iterable[Action], ports: Ports, settings: Settings) -> list[Result]:
    """Try every action, in order. Answers to CloudFormation are tried even when time runs out."""
    results = []
    for action in actions:
        late = ports.seconds_left() < _RESERVE_SECONDS and not isinstance(action, AnswerTeardown)
        results.append(Result(action, Postponed() if late else _outcome(action, ports, settings)))
    return results


def _outcome(action: Action, ports: Ports, settings: Settings) -> Outcome:
    match action:
        case SetPhaseDeleting():
            return set_phase_deleting(ports.table, settings)
        case CompleteHook(instance=instance, bars=bars):
            return _complete(instance, bars, ports)
        case Heartbeat(instance=instance):
            return ports.groups.heartbeat(instance)
        case TerminateRetained(instance=instance):
            return ports.groups.terminate_retained(instance)
        case EndInstance(instance=instance, row=row):
            return _end(instance, row, ports)
        case EndSurplus(instance=instance):
            return ports.groups.terminate_surplus(instance)
        case RegisterTarget(instance=instance, row=row, group=group):
            registered = ports.targets.register(instance, group)
            return _noted(registered, member_writes.serves_again(row, int(ports.clock())), ports)
        case DeregisterTarget(instance=instance, row=row, group=group):
            deregistered = ports.targets.deregister(instance, group)
            return _noted(deregistered, member_writes.left_balancer(row, int(ports.clock())), ports)
        case NoteHook(row=row):
            return ports.table.apply(member_writes.hook_began(row, int(ports.clock())))
        case NoteVeto(row=row):
            return ports.table.apply(member_writes.removal_vetoed(row, int(ports.clock())))
        case RequestOperation(operation=operation):
            return ports.table.transact(operations.request(operation))
        case WithdrawOperation(operation=operation, reason=reason):
            now = int(ports.clock())
            return ports.table.apply(operations.end(operation, OperationOutcome.WITHDRAWN, reason, now))
        case NoteEnd(operation=operation):
            return ports.table.apply(operations.end_seen(operation, int(ports.clock())))
        case ClearOperation(operation=operation):
            return ports.table.delete(OPERATION_ITEM, {"OperationId": operation.operation_id})
        case RequestDrain(drain=wanted):
            return ports.table.apply(drains.request(wanted))
        case ClearDrain(instance_id=instance_id, seen=seen):
            return _clear_drain(instance_id, seen, ports)
        case ClearApproval(approved=approved):
            return ports.table.delete(REMOVAL_APPROVAL_ITEM, approved.as_read())
        case AcceptReplacement(asked=asked, instance=instance):
            # Two replacements at a time are kept apart by this write: what cannot be written is not done.
            written = ports.table.apply(replacements.accepted(asked, instance.instance_id, int(ports.clock())))
            return ports.groups.terminate(instance) if isinstance(written, Done) else written
        case AnswerReplacement(asked=asked, state=state, result=result, successor=successor):
            return ports.table.apply(replacements.answered(asked, state, result, successor, int(ports.clock())))
        case ClearReplacement(asked=asked):
            return ports.table.delete(asked.item_id, {ReplacementField.STATE.value: asked.state.value})
        case StartSlot(group=group):
            return ports.sizes.start(group)
        case ResumeProcesses(group=name, processes=processes):
            return ports.groups.resume(name, processes)
        case StartTimer(timer=timer):
            return ports.table.put(timer.item(), {TABLE_KEY: None})
        case StopTimer(timer=timer):
            return ports.table.delete(timer_item(timer.name), {"Since": timer.since})
        case SetCondition(condition=condition, replaces=replaces):
            expected = {"Reason": replaces.reason} if replaces is not None else {TABLE_KEY: None}
            return ports.table.put(condition.item(), expected)
        case ClearCondition(condition=condition):
            return ports.table.delete(condition_item(condition.name), {"Reason": condition.reason})
        case ProtectTable():
            return ports.table.protect()
        case AnswerTeardown(teardown=teardown, reason=reason):
            return _answer(teardown, reason, ports)
        case DismissTeardown(teardown=teardown, reason=reason):
            return _dismiss(teardown, reason, ports)
        case Wait(reason=reason):
            return NoOp(reason)
        case _:
            assert_never(action)


def _noted(outcome: Request, note: Update, ports: Ports) -> Outcome:
    """Write down what was done; not noted, it is done again, which changes nothing."""
    return ports.table.apply(note) if isinstance(outcome, Done) else outcome


def _complete(instance: GroupInstance, bars: ClusterRecord | None, ports: Ports) -> Outcome:
    """Bar an instance without a row from joining, then complete its hook. A row that it has by now holds it."""
    if bars is not None:
        write = member_writes.never_joined(bars, instance.instance_id, int(ports.clock()))
        barred = ports.table.apply(write)
        if not isinstance(barred, Done):
            return barred
    return ports.groups.complete(instance)


def _clear_drain(instance_id: str, seen: Reading[Drain], ports: Ports) -> Write:
    """Delete a drain as it was read. Of one that cannot be understood only its being there can be expected."""
    key = drain_item(instance_id)
    expected = {"RequestedAt": seen.value.requested_at} if isinstance(seen, Known) else {TABLE_KEY: key}
    return ports.table.delete(key, expected)


def _end(instance: GroupInstance, row: Member | None, ports: Ports) -> Outcome:
    """Note that a silent member is ended, then end it: what cannot be counted is not done."""
    noted = Done() if row is None else ports.table.apply(member_writes.ended(row, int(ports.clock())))
    return ports.groups.terminate(instance) if isinstance(noted, Done) else noted


def _answer(teardown: Teardown, reason: str, ports: Ports) -> Done | Unknown:
    """Answer, then forget the request. Forgetting may fail: a second answer is ignored by CloudFormation."""
    outcome = _send(teardown, reason, ports)
    if isinstance(outcome, Done | answers.ResponseUrlRejected):
        _forget(teardown, ports)
    return outcome


def _dismiss(teardown: Teardown, reason: str, ports: Ports) -> Done | Unknown:
    """Forget the request, then answer it, so that it is answered once at most.

    The address may be anybody's: no later pass may fail, or hang, on one that takes no answer.
    """
    _forget(teardown, ports)
    return _send(teardown, reason, ports)


def _forget(teardown: Teardown, ports: Ports) -> Write:
    return ports.table.delete(TEARDOWN_ITEM, {"RequestId": teardown.request_id})


def _send(teardown: Teardown, reason: str, ports: Ports) -> Done | Unknown:
    content = answers.body(
        "SUCCESS",
        reason,
        physical_id=teardown.physical_id,
        stack_id=teardown.stack_id,
        request_id=teardown.request_id,
        logical_id=teardown.logical_id,
    )
    return ports.send(teardown.response_url, content)
