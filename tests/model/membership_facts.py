"""From a state of the membership model to what the project's own functions are told of it.

Time is abstracted: whatever a time-out waits for may take any time, so facts are built with new and with old times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import NamedTuple

from coordination.approvals import Approval
from coordination.instances import GroupInstance, Groups, SlotGroup
from coordination.launches import Launches, LaunchFailure
from coordination.members import Member, MemberState
from coordination.names import CLUSTER_ITEM, CONTROL_PLANE_ROLE, OPERATION_ITEM, joiners_wait_timer
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import Operation, OperationOutcome, OperationState
from coordination.outcomes import Known, Unknown
from coordination.quorum import Membership
from coordination.record import ClusterRecord, Phase
from coordination.timers import Timer
from coordination.writes import Value, update
from functions.reconcile import etcd_alone
from tests.model import membership_state as model
from tests.model.membership_state import (
    JOINING,
    KNOWN,
    LEARNER,
    MEMBER,
    NO_ROW,
    UNLISTED,
    UNSTARTED,
    VOTER,
    Node,
    State,
)
from tests.model.membership_state import Position as At
from tests.model.records import CLUSTER
from tests.model.table import EMPTY, Table, carry_out
from userdata.etcd.model import EtcdMember, Health, MemberList, Status, hexadecimal
from userdata.etcd.view import EtcdView, MemberAnswer, MemberView

NOW = 1_800_000_000
OLD = NOW - 4 * 3600
"""Longer ago than anything waits for."""
EPOCH = 1
CLUSTER_NUMBER = 0xC1
RECORD = ClusterRecord(CLUSTER, Phase.READY, EPOCH, etcd_cluster_id=hexadecimal(CLUSTER_NUMBER))
OPERATION_ID = "1-1"
AGENT = "i-agent"
"""Whoever acts. Which agent that is decides nothing, but that it is not the target."""

_LIFECYCLE = {
    model.BOOTS: "Pending:Wait",
    model.SERVES: "InService",
    model.LEAVES: "Terminating:Wait",
    model.RETAINED: "Terminating:Retained",
}
_SILENT = Unknown("it does not answer")
_STATES = {JOINING: MemberState.JOINING, KNOWN: MemberState.JOINING, MEMBER: MemberState.VOTER}


class Times(NamedTuple):
    """What is over by now."""

    successor_of: At | None = None
    """The ten minutes that a terminating voter waits for its successor, of this one alone."""
    silence: bool = True
    """The ten minutes after which a silent member is given up."""
    operation: bool = False
    """The time that an operation has."""
    doubt: bool = True
    """The minute after an operation, in which an agent may still act on it."""
    newest: At | None = None
    """Which instance has its row since now, where all others' are older."""
    longest: At | None = None
    """Which silent member has been so for longest."""


def name(at: At) -> str:
    """The instance that stands there."""
    return f"i-{at[0]}-{at[1]}"


def number(at: At) -> int:
    """etcd's id of it."""
    return 0x100 + 0x10 * at[0] + at[1]


def position(instance: str) -> At:
    """Where an instance stands."""
    _, first, second = instance.split("-")
    return int(first), int(second)


def position_of_number(member_id: str) -> At:
    """Where a member stands."""
    first, second = divmod(int(member_id, 16) - 0x100, 0x10)
    return first, second


def instances(state: State) -> tuple[GroupInstance, ...]:
    """The instances of all groups, as Auto Scaling tells of them."""
    return tuple(
        GroupInstance(name(at), f"slot{at[0]}", CONTROL_PLANE_ROLE, _LIFECYCLE[node.place], str(at[0]))
        for at, node in state.nodes()
        if node.place in _LIFECYCLE
    )


def groups(state: State) -> Groups:
    """The slots' groups with their instances."""
    slots = tuple(
        SlotGroup(f"slot{first}", str(first), group.smallest, group.desired, 2)
        for first, group in enumerate(state.groups)
    )
    return Groups(instances(state), slots)


def states(state: State, wanted: Collection[str]) -> Mapping[str, str | None]:
    """EC2's words."""
    return {each: "terminated" if state.at(position(each)).place == model.GONE else "running" for each in wanted}


def row(at: At, node: Node, times: Times) -> Member | None:
    """The instance's row."""
    silent = not node.alive and times.silence
    since = OLD - 1 if times.longest == at else OLD
    created = NOW if times.newest == at else OLD
    return _row(at, node.etcd, node.row, since if silent else None, created, _hook_since(at, node, times))


def _hook_since(at: At, node: Node, times: Times) -> int | None:
    if node.place not in (model.LEAVES, model.RETAINED):
        return None
    if node.alone == model.LAST_HOUR:
        return NOW - etcd_alone.HOOK_SECONDS + etcd_alone.LAST_SECONDS
    return OLD if times.successor_of == at else NOW - 1


@cache
def _row(
    at: At, etcd: int, stored: str, silent_since: int | None, created: int, hook_since: int | None
) -> Member | None:
    if stored == NO_ROW:
        return None
    known = stored in (MEMBER, KNOWN) or (stored == model.REMOVED and etcd != UNLISTED)
    return Member(
        name(at),
        EPOCH,
        _STATES.get(stored, MemberState.REMOVED),
        slot=str(at[0]),
        address=_address(at),
        etcd_member_id=hexadecimal(number(at)) if known else "",
        created_at=created,
        silent_since=silent_since,
        hook_since=hook_since,
    )


def rows(state: State, times: Times) -> dict[str, Member]:
    """Every row, by instance."""
    found = {name(at): row(at, node, times) for at, node in state.nodes()}
    return {each: stored for each, stored in found.items() if stored is not None}


def member_list(state: State) -> MemberList:
    """etcd's list."""
    members = [_member(at, node.etcd) for at, node in state.nodes() if node.etcd != UNLISTED]
    return MemberList(CLUSTER_NUMBER, tuple(members))


def view(state: State) -> EtcdView:
    """What an agent sees that has a majority with it."""
    views = [_seen(at, node.etcd, node.alive) for at, node in state.nodes() if node.etcd != UNLISTED]
    return EtcdView(member_list(state), tuple(views), Known(()))


def membership(state: State) -> Membership:
    """The members as the quorum rules take them, by instance."""
    nodes = {name(at): node for at, node in state.nodes()}
    return Membership(
        frozenset(each for each, node in nodes.items() if node.answers),
        frozenset(each for each, node in nodes.items() if node.etcd == VOTER and not node.alive),
        frozenset(each for each, node in nodes.items() if node.etcd in (UNSTARTED, LEARNER)),
    )


def observation(state: State) -> ClusterObservation:
    """What the leading agent has published just now."""
    seen = None
    if state.has_quorum:
        seen = tuple(
            SeenMember(hexadecimal(each.member.member_id), each.member.name, each.member.is_learner, each.problem)
            for each in view(state).members
        )
    return ClusterObservation(NOW - 1, AGENT, EPOCH, RECORD.etcd_cluster_id, members=seen)


def approval(state: State) -> Approval | None:
    """What a person has approved. There is one item, so the last word counts."""
    named = [name(at) for at, node in state.nodes() if node.alone == model.APPROVED]
    return Approval(EPOCH, named[0], "a person") if named else None


def launches(state: State) -> Mapping[str, Known[Launches]]:
    """How the launches went of the slots of which the function is told that they found no room."""
    failed = Known(Launches((LaunchFailure("no room", no_room=True),)))
    return {f"slot{first}": failed for first, group in enumerate(state.groups) if group.dry}


def joiners_wait(state: State, first: int) -> Timer | None:
    """The timer that has the joiners of a slot wait."""
    return Timer(joiners_wait_timer(str(first)), OLD) if state.groups[first].waits else None


def timers(state: State) -> Mapping[str, Known[Timer]]:
    """The timers that the function has stored, by name."""
    found = [joiners_wait(state, first) for first in range(len(state.groups))]
    return {each.name: Known(each) for each in found if each is not None}


def slot_states(state: State) -> Mapping[str, Known[str]]:
    """CloudFormation's words for the groups of which the function asks for them."""
    if not any(group.rolls for group in state.groups):
        return {}
    return {
        f"slot{first}": Known("UPDATE_IN_PROGRESS" if group.rolls else "UPDATE_FAILED")
        for first, group in enumerate(state.groups)
        if group.desired == 2
    }


def operation(state: State, times: Times) -> Operation | None:
    """The operation that stands in the table."""
    found = state.operation
    if found is None:
        return None
    at = next(at for at, node in state.nodes() if node.target)
    node = state.at(at)
    known = node.etcd != UNLISTED or node.row in (KNOWN, MEMBER)
    return Operation(
        OPERATION_ID,
        found.kind,
        name(at) if found.named else "",
        hexadecimal(number(at)) if known or not found.named else "",
        EPOCH,
        OperationState.ACCEPTED if found.accepted else OperationState.REQUESTED,
        OLD if times.operation else NOW - 1,
        accepted_by=AGENT if found.accepted else "",
        drain_until=NOW if found.accepted else None,
        outcome=OperationOutcome(found.outcome) if found.outcome else None,
        by_etcd_alone=found.alone,
        ended_at=(OLD if times.doubt else NOW - 1) if found.outcome else None,
        # The note of a pass changes nothing but from when on the minute counts.
        end_seen_at=(OLD if times.doubt else NOW - 1) if found.outcome == OperationOutcome.VETOED else None,
    )


def table(state: State, times: Times) -> Table:
    """The items that an agent reads and writes: the record, the operation, and its target's row."""
    stored = _RECORD_ALONE
    for at, node in state.nodes():
        if node.target and (found := row(at, node, times)) is not None:
            stored = _put(stored, found.item_id, found.fields())
    asked = operation(state, times)
    return stored if asked is None else _put(stored, OPERATION_ITEM, asked.fields())


def _put(stored: Table, key: str, fields: Mapping[str, Value]) -> Table:
    after = carry_out(stored, update(key, fields, {}))
    assert after is not None
    return after


_RECORD_ALONE = _put(EMPTY, CLUSTER_ITEM, RECORD.fields())


@cache
def _address(at: At) -> str:
    return f"10.0.{at[0]}.{at[1]}"


@cache
def _member(at: At, etcd: int) -> EtcdMember:
    started = etcd != UNSTARTED
    client_urls = (f"https://{_address(at)}:2379",) if started else ()
    return EtcdMember(number(at), name(at) if started else "", (peer_url(at),), client_urls, etcd != VOTER)


@cache
def peer_url(at: At) -> str:
    """Where other members find it."""
    return f"https://{_address(at)}:2380"


@cache
def _seen(at: At, etcd: int, alive: bool) -> MemberView:
    if not alive or etcd == UNSTARTED:
        return MemberView(_member(at, etcd), MemberAnswer(_SILENT, _SILENT))
    status = Status(CLUSTER_NUMBER, number(at), 0, etcd != VOTER, "3.6.0", 1, 1, 1, 1, ())
    return MemberView(_member(at, etcd), MemberAnswer(Known(status), Known(Health(etcd == VOTER))))
