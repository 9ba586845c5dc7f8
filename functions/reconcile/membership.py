"""The decisions of a pass about etcd's membership: what to ask an agent for, and what becomes of that. Pure.

The function never talks to etcd. It writes one operation at a time, and whatever became of it is read in a later pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from coordination.conditions import Condition
from coordination.instances import Groups
from coordination.members import Member, MemberState
from coordination.names import REMOVAL_APPROVAL_ITEM
from coordination.operations import Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Known, Reading, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.rows import Rows
from functions.reconcile import etcd_alone, joiners, removals, slots, waiting
from functions.reconcile.actions import (
    Action,
    ClearApproval,
    ClearOperation,
    DeregisterTarget,
    EndInstance,
    EndSurplus,
    NoteEnd,
    NoteVeto,
    RegisterTarget,
    RequestOperation,
    Wait,
    WithdrawOperation,
)
from functions.reconcile.believed import believed, without_gone
from functions.reconcile.endings import SILENT_MEMBERS, endings
from functions.reconcile.places import Place, place
from functions.reconcile.removals import VETO_SECONDS, Facts, Hold
from functions.reconcile.rolls import at_rest
from functions.reconcile.serving import Serving, serving
from functions.reconcile.snapshot import Snapshot
from functions.reconcile.surplus import in_the_way, surplus


@dataclass(frozen=True)
class MemberDecisions:
    """What to do about members, in this order, and what each waits for whose time has come, by instance."""

    actions: tuple[Action, ...] = ()
    holds: Mapping[str, Hold] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    undecided: frozenset[str] = frozenset()
    """The instances of which nobody knows where they are, so that what is stored of them stays."""


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
    members = rows.members_of(record.epoch)
    ended, in_flight = _running(rows.operation, record, members, snapshot.now)
    actions: list[Action] = list(ended)
    for action in ended:
        if isinstance(action, NoteVeto):
            members[action.row.instance_id] = replace(action.row, vetoed_at=snapshot.now)
    facts = _facts(snapshot, members, rows, record, groups, in_flight)
    actions += [_target(each) for each in serving(facts, groups.slots)]
    actions += _void_approval(rows, record)
    plan = removals.plan(facts)
    if plan.request is not None:
        # The fence is of this pass alone, and a pass asks once.
        wanted = plan.request.operation(f"{fence}-{snapshot.now}", record.epoch, snapshot.now)
        actions.append(RequestOperation(wanted, f"{wanted.kind} is believed to be safe"))
    found = endings(facts)
    actions += [EndInstance(each.instance, each.row, each.reason) for each in found.now]
    ended_now = [each.instance for each in found.now]
    to_wait = joiners.to_wait(snapshot, groups, rows)
    twice = surplus(facts, groups.slots, at_rest(snapshot), to_wait)
    actions += [EndSurplus(each, f"slot {each.slot} has two instances") for each in twice.now if each not in ended_now]
    second = in_the_way(facts, groups.slots, joiners.waiting(snapshot, rows, to_wait))
    if second is not None and second not in ended_now:
        actions.append(
            EndInstance(second, None, f"slot {second.slot} has two members, and the update of another waits")
        )
    silent = () if found.condition is None else (found.condition,)
    waits = waiting.conditions(facts, plan.holds, snapshot.table)
    return MemberDecisions(tuple(actions), plan.holds, (*silent, *twice.conditions, *waits), _undecided(facts))


def _undecided(facts: Facts) -> frozenset[str]:
    """EC2 is asked about no row that says removed."""
    lost = (name for name, where in facts.places.items() if where is Place.UNKNOWN)
    unseen = {SILENT_MEMBERS} if isinstance(facts.believed, Unknown) else set()
    return frozenset(name for name in lost if facts.rows[name].state is not MemberState.REMOVED) | unseen


def _void_approval(rows: Rows, record: ClusterRecord) -> list[Action]:
    """A person's approval goes once it can allow nothing any more: the next one is for another instance."""
    if isinstance(rows.removal_approval, Unknown):
        return [Wait(REMOVAL_APPROVAL_ITEM, rows.removal_approval.reason)]
    given = rows.removal_approval.value
    if given is None or not etcd_alone.is_void(given, rows.members, record.epoch):
        return []
    return [ClearApproval(given, f"{given.who} approved it in epoch {given.epoch}: no member is the one that it names")]


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
    places = {name: place(row, listed, snapshot.states, snapshot.now) for name, row in members.items()}
    gone = [name for name, where in places.items() if where is Place.GONE]
    seen = believed(rows.observation, members, record.epoch, snapshot.now)
    return Facts(
        rows=members,
        places=places,
        instances=groups.instances,
        believed=Known(without_gone(seen.value, gone)) if isinstance(seen, Known) else seen,
        slots=len(groups.slots),
        in_flight=in_flight,
        now=snapshot.now,
        desired={group.slot: group.desired for group in groups.slots},
        approved=rows.removal_approval.value if isinstance(rows.removal_approval, Known) else None,
        no_room=slots.without_room(snapshot),
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
    if _may_be_acted_on(found) and found.end_seen_at is None:
        # Only from here on is the time known that has passed: the clock of whoever ended it may be wrong.
        return [NoteEnd(found, "an agent has ended it")], True
    if found.is_in_doubt(now):
        return [], True
    actions: list[Action] = []
    row = members.get(found.target_instance)
    if row is None and _is_learners_fresh_veto(found, now):
        # There is no row to note it in, and the learner would be asked for again at once. The join gate, which the
        # operation closes, is closed by the learner itself.
        return [], True
    if found.outcome is OperationOutcome.VETOED and row is not None and _may_be_asked_for(found, row):
        actions.append(NoteVeto(row, found.reason or "an agent refused"))
    return [*actions, ClearOperation(found, f"it is {found.outcome}")], False


def _may_be_acted_on(ended: Operation) -> bool:
    """Whether another agent may not know yet that an agent has ended it. What is withdrawn has the function's time."""
    return ended.outcome is OperationOutcome.VETOED and ended.state is OperationState.ACCEPTED


def _is_learners_fresh_veto(ended: Operation, now: int) -> bool:
    vetoed = ended.kind is OperationKind.CLEAN_LEARNER and ended.outcome is OperationOutcome.VETOED
    # One that nobody had accepted has the time of its agent alone, which may be ahead.
    return vetoed and (since := ended.over_since()) is not None and abs(now - since) < VETO_SECONDS


def _may_be_asked_for(ended: Operation, row: Member) -> bool:
    """Whether the next plan may ask for it again. A learner may have been added after its row was ended."""
    return row.state is not MemberState.REMOVED or ended.kind is OperationKind.CLEAN_LEARNER
