"""Whether a membership may end now, judged by what etcd and each of its members say at this moment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.operations import Operation, OperationKind
from coordination.outcomes import Known
from coordination.quorum import Membership, Objection, objection_to_cleaning, objection_to_removal
from userdata.agent.observe.members import member_of
from userdata.etcd.model import EtcdMember, hexadecimal
from userdata.etcd.view import EtcdView, MemberView

_ENDING = frozenset({"shutting-down", "terminated"})


class Veto(Enum):
    """Why an operation must not be carried out, whatever etcd's quorum says, as a sentence."""

    OTHER_EPOCH = "it was requested in another epoch"
    OTHER_ID = "its id and its instance are not of one member"
    SERVES = "it serves, and its instance is in service"
    JOINS = "its instance may still be joining"


@dataclass(frozen=True)
class NotListed:
    """etcd does not list the target: nothing is left to remove."""


@dataclass(frozen=True)
class Allowed:
    """The member may be removed. `serves` says whether it is a voter that answers."""

    member: EtcdMember
    serves: bool
    leads: bool


Verdict: TypeAlias = NotListed | Allowed | Objection | Veto


@dataclass(frozen=True)
class Surroundings:
    """What is known of the target beside etcd. `row` is None where it has none."""

    row: Member | None
    instances: Collection[GroupInstance]
    """Of all groups."""
    states: Mapping[str, str | None]
    """EC2's word for a target that is in no group."""
    slots: int
    now: int


def check(operation: Operation, view: EtcdView, around: Surroundings) -> Verdict:
    """Whether the operation may be carried out now."""
    found = next((each for each in view.members if _is_target(each.member, operation)), None)
    if found is None:
        return Veto.OTHER_ID if _is_listed_otherwise(operation, view, around.row) else NotListed()
    if operation.target_instance and found.member.name not in ("", operation.target_instance):
        return Veto.OTHER_ID
    members, known_as = membership(view), hexadecimal(found.member.member_id)
    if operation.kind is OperationKind.CLEAN_LEARNER:
        return _check_learner(found, members, known_as, operation, around)
    if found.is_well and _is_in_service(operation.target_instance, around):
        return Veto.SERVES
    objection = objection_to_removal(members, known_as, around.slots, by_etcd_alone=operation.by_etcd_alone)
    return objection if objection is not None else _allowed(found, view)


def membership(view: EtcdView) -> Membership:
    """The members by their ids. One that was added as a voter and has never started counts, and does not answer."""
    ids = {hexadecimal(each.member.member_id): each for each in view.members}
    voters = {known_as for known_as, each in ids.items() if not each.member.is_learner}
    answering = frozenset(known_as for known_as in voters if ids[known_as].is_well)
    return Membership(answering, frozenset(voters - answering), frozenset(ids.keys() - voters))


def successor(view: EtcdView, target: EtcdMember, instances: Collection[GroupInstance]) -> EtcdMember | None:
    """The voter that should lead in place of `target`: one that serves and stays, and knows most of the log."""
    leaving = {each.instance_id for each in instances if each.is_leaving or each.is_retained}
    statuses = view.statuses
    able = [member for member in view.well if member != target and member.member_id in statuses]

    def preference(member: EtcdMember) -> tuple[bool, int, int]:
        return member.name not in leaving, statuses[member.member_id].applied_index, member.member_id

    return max(able, key=preference, default=None)


def _is_target(member: EtcdMember, operation: Operation) -> bool:
    if operation.target_member_id:
        return hexadecimal(member.member_id) == operation.target_member_id
    return bool(operation.target_instance) and member.name == operation.target_instance


def _is_listed_otherwise(operation: Operation, view: EtcdView, row: Member | None) -> bool:
    if row is not None and member_of(row, view.listed) is not None:
        return True
    return any(each.name and each.name == operation.target_instance for each in view.listed.members)


def _allowed(found: MemberView, view: EtcdView) -> Allowed:
    return Allowed(found.member, found.is_well, view.leader_id == found.member.member_id)


def _check_learner(
    found: MemberView, members: Membership, known_as: str, operation: Operation, around: Surroundings
) -> Verdict:
    answers, leaves = isinstance(found.answer.status, Known), _leaves(operation.target_instance, around)
    objection = objection_to_cleaning(members, known_as, answers=answers, leaves=leaves)
    if objection is not None:
        return objection
    row = around.row
    if not leaves and row is not None and row.state is MemberState.JOINING and not row.is_given_up(around.now):
        # It does not answer between its addition and the start of its etcd.
        return Veto.JOINS
    return Allowed(found.member, serves=False, leads=False)


def _is_in_service(instance_id: str, around: Surroundings) -> bool:
    return any(each.is_in_service and each.instance_id == instance_id for each in around.instances)


def _leaves(instance_id: str, around: Surroundings) -> bool:
    """Whether nothing brings the instance back into service; no for one that nobody knows."""
    if not instance_id:
        return False
    listed = [each for each in around.instances if each.instance_id == instance_id]
    if listed:
        return listed[0].is_leaving or listed[0].is_retained
    return around.states.get(instance_id) in _ENDING
