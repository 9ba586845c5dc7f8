"""What becomes of requests to replace the instance of a slot (coordination.replacements). Pure.

A request is answered at once: it is accepted only in a cluster that is whole and at rest, one at a time, and refused
with the reason otherwise. What is accepted is a termination through Auto Scaling as a person would ask for it, so
everything that makes a termination safe holds for it: the hook, the agent's checks, the join gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from coordination.instances import GroupInstance, Groups, SlotGroup
from coordination.members import Member
from coordination.names import REPLACED, ReplacementState
from coordination.outcomes import Unknown
from coordination.quorum import Membership
from coordination.record import ClusterRecord, Phase
from coordination.replacements import KEPT_SECONDS, Replacement
from coordination.rows import Rows, understood
from coordination.stacks import SETTLED_STATES
from functions.reconcile.actions import AcceptReplacement, Action, AnswerReplacement, ClearReplacement, Wait
from functions.reconcile.believed import believed
from functions.reconcile.snapshot import Snapshot

END_SECONDS = 300
"""For so long the function tries to end the instance of an accepted request."""
_NEEDED_PROCESSES = frozenset({"Launch", "Terminate"})
# A sentence that says why nothing may be replaced now; None where it may. It is told, and never looked at.
_Objection: TypeAlias = str | None


def decide(snapshot: Snapshot) -> list[Action]:
    """What to do about all requests. Nothing where lease, table or groups are unknown, and so of the record."""
    if (
        isinstance(snapshot.lease, Unknown)
        or isinstance(snapshot.rows, Unknown)
        or isinstance(snapshot.groups, Unknown)
    ):
        return []
    return list(_decided(snapshot, snapshot.rows.value, snapshot.groups.value))


def _decided(snapshot: Snapshot, rows: Rows, groups: Groups) -> Iterator[Action]:
    found = [each for _, each in sorted(understood(rows.replacements).items(), key=lambda pair: pair[0])]
    if not found:
        return
    running = next((each for each in found if each.state is ReplacementState.ACCEPTED), None)
    objection = _objection(snapshot, rows, groups)
    for each in found:
        match each.state:
            case ReplacementState.REPLACED | ReplacementState.REFUSED:
                if each.ended_at is None or snapshot.now - each.ended_at >= KEPT_SECONDS:
                    yield ClearReplacement(each, "its answer has been there for long enough")
            case ReplacementState.ACCEPTED:
                yield _carried_on(each, snapshot, rows, groups, objection)
            case ReplacementState.REQUESTED if isinstance(objection, Unknown):
                yield Wait(each.item_id, objection.reason)
            case ReplacementState.REQUESTED:
                decided = _asked(each, groups, running, objection)
                if isinstance(decided, AcceptReplacement):
                    running = each
                yield decided


def _asked(
    asked: Replacement, groups: Groups, running: Replacement | None, objection: _Objection
) -> AcceptReplacement | AnswerReplacement:
    group = next((each for each in groups.slots if each.slot == asked.slot), None)
    if group is None:
        slots = ", ".join(each.slot for each in groups.slots)
        return _refused(asked, f"there is no slot {asked.slot}; the slots are {slots}")
    if running is not None:
        return _refused(asked, f"another replacement is running, of slot {running.slot}")
    if objection is not None:
        return _refused(asked, objection)
    if suspended := sorted(group.suspended & _NEEDED_PROCESSES):
        return _refused(asked, f"processes of slot {group.slot} are suspended: {', '.join(suspended)}")
    (instance,) = _instances(group, groups)
    return AcceptReplacement(asked, instance, f"its slot {group.slot} is to be replaced, and the cluster is whole")


def _carried_on(
    running: Replacement, snapshot: Snapshot, rows: Rows, groups: Groups, objection: _Objection | Unknown
) -> Action:
    group = next((each for each in groups.slots if each.slot == running.slot), None)
    if group is None:
        return _refused(running, f"slot {running.slot} is gone")
    here = _instances(group, groups)
    old = next((each for each in here if each.instance_id == running.instance_id), None)
    if old is not None and old.is_in_service:
        # Auto Scaling did not take the request, or nobody knows whether it did. Whoever asked waits no longer than an
        # hour, and must not lose an instance when Auto Scaling answers again after a day.
        if running.accepted_at is None or snapshot.now - running.accepted_at >= END_SECONDS:
            return _refused(running, f"{old.instance_id} could not be terminated, and {_in_the_way(objection)}")
        if objection is None:
            return AcceptReplacement(running, old, "it is in service still")
        return Wait(running.item_id, f"{old.instance_id} is in service still")
    members = _members(snapshot, rows)
    if isinstance(members, Unknown):
        return Wait(running.item_id, members.reason)
    new = next((each for each in here if each.is_in_service and each.instance_id in members.answering), None)
    if old is not None or new is None or running.instance_id in members.answering | members.silent:
        return Wait(running.item_id, f"slot {running.slot} is being replaced")
    reason = f"{new.instance_id} serves in the place of {running.instance_id}"
    return AnswerReplacement(running, ReplacementState.REPLACED, REPLACED, new.instance_id, reason)


def _in_the_way(objection: _Objection | Unknown) -> str:
    if objection is None:
        return "Auto Scaling has not taken it for longer than it is tried"
    return objection.reason if isinstance(objection, Unknown) else objection


def _objection(snapshot: Snapshot, rows: Rows, groups: Groups) -> _Objection | Unknown:
    """Why no slot may be replaced now; Unknown where nobody knows."""
    if isinstance(rows.record, Unknown):
        return rows.record
    if isinstance(rows.operation, Unknown):
        return rows.operation
    if isinstance(snapshot.root_status, Unknown):
        return snapshot.root_status
    if _record(snapshot, rows) is None:
        return "no cluster is ready"
    if snapshot.root_status.value not in SETTLED_STATES:
        return f"the stack is {snapshot.root_status.value}"
    for group in groups.slots:
        here = _instances(group, groups)
        others = [f"{each.instance_id} is {each.lifecycle_state}" for each in here if not each.is_in_service]
        if others or len(here) != 1 or group.desired != 1:
            what = ", ".join(others) or f"it has {len(here)} instances in service and wants {group.desired}"
            return f"slot {group.slot} is not at rest: {what}"
    if rows.operation.value is not None:
        return "a change of etcd's members is in flight"
    members = _members(snapshot, rows)
    if isinstance(members, Unknown):
        return f"whether etcd is whole is not known: {members.reason}"
    if members.silent:
        return f"members of etcd do not answer: {', '.join(sorted(members.silent))}"
    if members.learners:
        return f"a member of etcd is joining: {', '.join(sorted(members.learners))}"
    serving = {each.instance_id for group in groups.slots for each in _instances(group, groups)}
    if stray := sorted(serving ^ members.answering):
        return f"instances of slots and members of etcd are not the same: {', '.join(stray)}"
    return None


def _record(snapshot: Snapshot, rows: Rows) -> ClusterRecord | None:
    """The record of this cluster once it is ready."""
    if isinstance(rows.record, Unknown) or rows.record.value is None:
        return None
    record = rows.record.value
    return record if record.cluster_id == snapshot.cluster_id and record.phase is Phase.READY else None


def _members(snapshot: Snapshot, rows: Rows) -> Membership | Unknown:
    record = _record(snapshot, rows)
    if record is None:
        return Unknown("no cluster is ready")
    members: dict[str, Member] = rows.members_of(record.epoch)
    seen = believed(rows.observation, members, record.epoch, snapshot.now)
    return seen if isinstance(seen, Unknown) else seen.value.members


def _instances(group: SlotGroup, groups: Groups) -> list[GroupInstance]:
    return [each for each in groups.instances if each.group == group.name]


def _refused(asked: Replacement, why: str) -> AnswerReplacement:
    return AnswerReplacement(asked, ReplacementState.REFUSED, f"refused: {why}", "", why)
