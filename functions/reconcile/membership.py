"""The decisions of a pass about etcd's membership: what to ask an agent for, and what becomes of that. Pure.

The function never talks to etcd. It writes one operation at a time, and whatever became of it is read in a later pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from coordination.conditions import Condition
from coordination.instances import Groups
from coordination.members import Member, MemberState
from coordination.operations import Operation, OperationOutcome
from coordination.outcomes import Reading, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.rows import Rows, understood
from functions.reconcile import removals
from functions.reconcile.actions import (
    Action,
    ClearOperation,
    DeregisterTarget,
    EndInstance,
    EndSurplus,
    NoteVeto,
    RegisterTarget,
    RequestOperation,
    Wait,
    WithdrawOperation,
)
from functions.reconcile.believed import believed
from functions.reconcile.endings import endings
from functions.reconcile.places import place
from functions.reconcile.removals import Facts, Hold
from functions.reconcile.rolls import at_rest
from functions.reconcile.serving import Serving, serving
from functions.reconcile.snapshot import Snapshot
from functions.reconcile.surplus import surplus


@dataclass(frozen=True)
class MemberDecisions:
    """What to do about members, in this order, and what each waits for whose time has come, by instance."""

    actions: tuple[Action, ...] = ()
    holds: Mapping[str, Hold] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


def decide(snapshot: Snapshot) -> MemberDecisions:
    """Nothing where anything is unknown that decisions hang on, or where no cluster is ready."""
    if isinstance(snapshot.lease, Unknown) or isinstance(snapshot.rows, Unknown):
        return MemberDecisions()
    if isinstance(snapshot.groups, Unknown):
        return MemberDecisions()
    rows, record = snapshot.rows.value, snapshot.rows.value.record
    if isinstance(record, Unknown) or record.value is None or record.value.cluster_id != snapshot.cluster_id:
        return MemberDecisions()
    if record.value.phase is not Phase.READY:
        return MemberDecisions()
    return _of_ready(snapshot, rows, record.value, snapshot.groups.value, snapshot.lease.value)


def _of_ready(snapshot: Snapshot, rows: Rows, record: ClusterRecord, groups: Groups, fence: int) -> MemberDecisions:
    members = {name: row for name, row in understood(rows.members).items() if row.epoch == record.epoch}
    ended, in_flight = _running(rows.operation, record, members, snapshot.now)
    actions: list[Action] = list(ended)
    for action in ended:
        if isinstance(action, NoteVeto):
            members[action.row.instance_id] = replace(action.row, vetoed_at=snapshot.now)
    facts = _facts(snapshot, members, rows, record, groups, in_flight)
    actions += [_target(each) for each in serving(facts, groups.slots)]
    plan = removals.plan(facts)
    if plan.request is not None:
        # The fence is of this pass alone, and a pass asks once.
        wanted = plan.request.operation(f"{fence}-{snapshot.now}", record.epoch, snapshot.now)
        actions.append(RequestOperation(wanted, f"{wanted.kind} is believed to be safe"))
    found = endings(facts)
    actions += [EndInstance(each.instance, each.row, each.reason) for each in found.now]
    ended_now = [each.instance for each in found.now]
    twice = surplus(facts, groups.slots, at_rest(snapshot))
    actions += [EndSurplus(each, f"slot {each.slot} has two instances") for each in twice.now if each not in ended_now]
    silent = () if found.condition is None else (found.condition,)
    return MemberDecisions(tuple(actions), plan.holds, (*silent, *twice.conditions))


def _target(found: Serving) -> Action:
    if found.registers:
        reason = "it terminates, and no control plane in service answers: clients and replacements still need it"
        return RegisterTarget(found.instance, found.row, found.group, reason)
    return DeregisterTarget(found.instance, found.row, found.group, "a control plane in service answers again")


def _facts(
    snapshot: Snapshot,
    members: Mapping[str, Member],
    rows: Rows,
    record: ClusterRecord,
    groups: Groups,
    in_flight: bool,
) -> Facts:
    listed = {each.instance_id: each for each in groups.instances}
    return Facts(
        rows=members,
        places={name: place(row, listed, snapshot.states, snapshot.now) for name, row in members.items()},
        instances=groups.instances,
        believed=believed(rows.observation, members, record.epoch, snapshot.now),
        slots=len(groups.slots),
        in_flight=in_flight,
        now=snapshot.now,
        desired={group.slot: group.desired for group in groups.slots},
    )


def _running(
    reading: Reading[Operation | None], record: ClusterRecord, members: Mapping[str, Member], now: int
) -> tuple[list[Action], bool]:
    """What to do about the operation that there is, and whether it counts as in flight after that."""
    if isinstance(reading, Unknown):
        return [Wait("operation", reading.reason)], True
    found = reading.value
    if found is None:
        return [], False
    if found.outcome is None and found.epoch != record.epoch:
        return [WithdrawOperation(found, f"epoch {record.epoch} has begun")], True
    if found.outcome is None:
        if found.is_overdue(now):
            return [WithdrawOperation(found, f"no agent has ended it in {now - found.requested_at} s")], True
        return [], True
    if found.is_in_doubt(now):
        return [], True
    actions: list[Action] = []
    row = members.get(found.target_instance)
    if found.outcome is OperationOutcome.VETOED and row is not None and row.state is not MemberState.REMOVED:
        actions.append(NoteVeto(row, found.reason or "an agent refused"))
    return [*actions, ClearOperation(found, f"it is {found.outcome}")], False
