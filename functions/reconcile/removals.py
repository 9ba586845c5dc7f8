"""Which change of etcd's membership to ask for next, and why the others wait. Pure.

A removal is asked for only where it is believed to be safe, and one at a time; the agent that carries it out checks
again, against etcd itself. Dead members go before living ones, and of those the one that has waited longest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from coordination.approvals import Approval
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.operations import Operation, OperationKind, OperationState
from coordination.outcomes import Reading, Unknown
from coordination.quorum import Objection, objection_to_cleaning, objection_to_removal
from functions.reconcile import etcd_alone
from functions.reconcile.believed import Believed
from functions.reconcile.places import LEAVING, Place

SUCCESSOR_SECONDS = 600
"""How long the removal of a voter that answers waits for its successor, from the start of its hook."""
LAUNCH_SECONDS = 60
"""How long it waits for Auto Scaling to launch one, whose slot wants an instance and has none."""
VETO_SECONDS = 60
"""For so long nothing is asked for again that an agent has refused: the next observation comes sooner."""


class Pending(Enum):
    """What a removal waits for that passes by itself, as a sentence."""

    IN_FLIGHT = "another change of etcd's members is in flight"
    SUCCESSOR = "its successor joins first"
    TURN = "another member leaves first"
    VETOED = "an agent refused to remove it less than a minute ago"


class NoRoom(Enum):
    """An objection to the removal of a voter whose slot has no room for its successor while it runs, as a sentence."""

    LAST_VOTER = "it is the last voter, and while it runs its slot has no room for a successor"
    BELOW_MAJORITY_OF_SLOTS = (
        "fewer voters would answer than a majority of the slots, and while it runs its slot has no room for a successor"
    )


_NO_ROOM = {
    Objection.LAST_VOTER: NoRoom.LAST_VOTER,
    Objection.BELOW_MAJORITY_OF_SLOTS: NoRoom.BELOW_MAJORITY_OF_SLOTS,
}
Hold: TypeAlias = Objection | NoRoom | Pending | Unknown


@dataclass(frozen=True)
class Wanted:
    """A change that there should be; `member_id` is empty where no list and no row has one."""

    kind: OperationKind
    instance_id: str
    member_id: str
    by_etcd_alone: bool = False
    """Whether etcd's quorum alone decides, and not a majority of the slots (functions.reconcile.etcd_alone)."""

    def operation(self, operation_id: str, epoch: int, now: int) -> Operation:
        """The operation that asks for it."""
        return Operation(
            operation_id,
            self.kind,
            self.instance_id,
            self.member_id,
            epoch,
            OperationState.REQUESTED,
            now,
            self.by_etcd_alone,
        )


@dataclass(frozen=True)
class Facts:
    """What a plan is made of. Rows are those of the epoch, by instance."""

    rows: Mapping[str, Member]
    places: Mapping[str, Place]
    """Of every row's instance."""
    instances: Sequence[GroupInstance]
    believed: Reading[Believed]
    slots: int
    in_flight: bool
    """Whether there is an operation that has not ended, or may be carried out still."""
    now: int
    desired: Mapping[str, int] = field(default_factory=dict)
    """How many instances each slot's group wants; nothing of slots that are not known."""
    approved: Approval | None = None
    """A person's word that a removal need not leave a majority of the slots."""
    no_room: Collection[str] = ()
    """The slots whose last launch failed for want of room."""


@dataclass(frozen=True)
class Plan:
    """What to ask for now, and what every other member waits for whose time has come."""

    request: Wanted | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict)
    """By instance; also of the one that is asked for."""


def plan(facts: Facts) -> Plan:
    """The next change. The same facts always give the same plan."""
    believed = facts.believed
    due = [row for row in facts.rows.values() if _is_due(row, facts)]
    if isinstance(believed, Unknown):
        return Plan(holds={row.instance_id: believed for row in due})
    if facts.in_flight:
        return Plan(holds={row.instance_id: Pending.IN_FLIGHT for row in due})
    request = _cleaning(facts, believed.value)
    holds: dict[str, Hold] = {}
    for row in sorted(due, key=lambda row: _order(row, believed.value)):
        hold = _hold(row, facts, believed.value)
        if hold is None and request is None:
            request = _removal(row, facts, believed.value)
        elif hold is None or (request is not None and request.instance_id == row.instance_id):
            hold = Pending.TURN
        if hold is not None:
            holds[row.instance_id] = hold
    if request is not None:
        holds[request.instance_id] = Pending.IN_FLIGHT
    return Plan(request, holds)


def _removal(row: Member, facts: Facts, believed: Believed) -> Wanted:
    member_id = believed.etcd_ids.get(row.instance_id, row.etcd_member_id)
    return Wanted(OperationKind.REMOVE, row.instance_id, member_id, _by_etcd_alone(row, facts))


def _by_etcd_alone(row: Member, facts: Facts) -> bool:
    return etcd_alone.decides(row, facts.places[row.instance_id], facts.approved, facts.no_room, facts.now)


def _cleaning(facts: Facts, believed: Believed) -> Wanted | None:
    """A learner that will not become a voter: it is in the way of every removal and of every join."""
    for name in sorted(believed.members.learners):
        if _may_be_cleaned(name, facts, believed):
            member_id = believed.etcd_ids[name]
            return Wanted(OperationKind.CLEAN_LEARNER, "" if name == member_id else name, member_id)
    return None


def _is_due(row: Member, facts: Facts) -> bool:
    """Whether the membership has to end.

    A row that says joining of an instance that serves or launches belongs to a joiner at work. In service of no slot
    it is a candidate as a voter alone: nobody says that a joiner there has given up.
    """
    if row.state is MemberState.REMOVED:
        return False
    place = facts.places[row.instance_id]
    return place in LEAVING or (place is Place.STRANGER and row.state is MemberState.VOTER)


def _order(row: Member, believed: Believed) -> tuple[bool, int, str]:
    """Dead before alive, then the one that has waited longest."""
    alive = row.instance_id in believed.members.answering
    return (alive, row.hook_since or row.created_at or 0, row.instance_id)


def _hold(row: Member, facts: Facts, believed: Believed) -> Hold | None:
    """Why the removal of a row that is due is not asked for now."""
    members = believed.members
    if _was_refused(row, facts):
        return Pending.VETOED
    if row.instance_id in members.learners:
        return objection_to_cleaning(members, row.instance_id, answers=believed.learner_answers, leaves=True)
    if row.instance_id not in members.voters:
        # etcd does not list it: an agent makes sure of that, and its row follows.
        return None if members.has_quorum else Objection.NO_QUORUM
    if _waits_for_successor(row, facts, believed):
        return Pending.SUCCESSOR
    found = objection_to_removal(members, row.instance_id, facts.slots, by_etcd_alone=_by_etcd_alone(row, facts))
    return _NO_ROOM.get(found, found) if found is not None and row.slot in facts.no_room else found


def _was_refused(row: Member | None, facts: Facts) -> bool:
    return row is not None and row.vetoed_at is not None and facts.now - row.vetoed_at < VETO_SECONDS


def _may_be_cleaned(learner: str, facts: Facts, believed: Believed) -> bool:
    row, answers = facts.rows.get(learner), believed.learner_answers
    if _was_refused(row, facts):
        return False
    if row is None:
        # A joiner writes its row before etcd hears of it, and an agent the id into the row only some time later.
        useless = leaves = not answers and not _somebody_joins(facts)
    else:
        leaves = facts.places[learner] in LEAVING
        given_up = row.state is MemberState.REMOVED or row.is_given_up(facts.now)
        useless = leaves or (not answers and given_up)
    return useless and objection_to_cleaning(believed.members, learner, answers=answers, leaves=leaves) is None


def _somebody_joins(facts: Facts) -> bool:
    """Whether there is a joiner of which nobody has said yet by which id etcd knows it."""
    return any(
        row.state is MemberState.JOINING and not row.etcd_member_id and facts.places[name] not in LEAVING
        for name, row in facts.rows.items()
    )


def _waits_for_successor(row: Member, facts: Facts, believed: Believed) -> bool:
    """Whether a voter that serves stays until the next instance of its slot has become one.

    Only while that instance could join now, and for ten minutes at most however many fail meanwhile; for a minute where
    none has been launched. Of a member
    without a hook nobody knows since when it leaves, so it waits for nobody; a hook that began just now is noted in
    the row only after this pass.
    """
    members, name = believed.members, row.instance_id
    # One that is gone answered a look before its end.
    if name not in members.answering or facts.places[name] in (Place.STRANGER, Place.GONE) or not row.slot:
        return False
    leaves_now = any(each.is_leaving and each.instance_id == name for each in facts.instances)
    since = facts.now if row.hook_since is None and leaves_now else row.hook_since
    if since is None or facts.now - since >= SUCCESSOR_SECONDS:
        return False
    if members.silent or members.learners or len(members.voters) > facts.slots:
        return False
    others = [each for each in facts.instances if each.slot == row.slot and each.instance_id != name]
    if any(each.instance_id in members.answering and not each.is_leaving for each in others):
        return False
    if any(each.is_launching for each in others):
        return True
    # Its group launches the next one some seconds after it begins to terminate this one.
    comes = facts.desired.get(row.slot, 0) > 0 and not any(each.is_in_service for each in others)
    return comes and facts.now - since < LAUNCH_SECONDS
