"""The join gate, row by row: what stands in the way of a new member of etcd, and that nothing slips through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.fields import parsed
from coordination.names import joiners_wait_timer
from coordination.operations import Operation, OperationKind, OperationOutcome, OperationState, operation
from coordination.outcomes import Known, Reading
from coordination.timers import Timer
from tests.unit.userdata.boot.looks import BROKEN
from userdata.boot.gate import Closed, MembersUnknown, Open, OwnLearner, OwnVoter, RowRemoved, View, gate
from userdata.etcd.model import EtcdMember, MemberList

MY_URL = "https://10.0.0.9:2380"


def peer(member_id: int, name: str = "?", *, learner: bool = False, url: str = "") -> EtcdMember:
    at = url or f"https://10.0.0.{member_id}:2380"
    return EtcdMember(member_id, f"i-{member_id}" if name == "?" else name, (at,), (), learner)


def listed(*members: EtcdMember) -> Known[MemberList]:
    return Known(MemberList(77, members))


TWO = listed(peer(1), peer(2))
WAITING = Timer(joiners_wait_timer("0"), 1_800_000_000)
OPERATION = Operation("op-7", OperationKind.REMOVE, "i-1", "8e9e", 3, OperationState.REQUESTED, 1_800_000_000)
VIEW = View(members=TWO, silent=(), operation=Known(None), slots=3, own_name="i-9", own_peer_url=MY_URL)


def reason(**changes: Any) -> str:
    """Why the gate is closed."""
    found = gate(replace(VIEW, **changes))
    assert isinstance(found, Closed)
    return found.reason


def test_with_all_members_voting_and_answering_the_gate_is_open() -> None:
    assert gate(VIEW) == Open()


def test_a_full_cluster_may_grow_by_the_one_that_replaces_a_member() -> None:
    assert gate(replace(VIEW, members=listed(peer(1), peer(2), peer(3)))) == Open()


def test_members_that_are_unknown_close_it_in_a_way_of_its_own() -> None:
    assert gate(replace(VIEW, members=BROKEN)) == MembersUnknown("etcd's members are unknown: broken by the test")


def test_another_ones_learner_closes_it_and_is_named() -> None:
    assert reason(members=listed(peer(1), peer(0xA, learner=True))) == (
        "etcd takes one new member at a time, and i-10 (a) is not a voter yet"
    )


def test_a_member_that_never_started_closes_it_and_is_named_by_its_id() -> None:
    assert reason(members=listed(peer(1), peer(0xB, ""))) == (
        "etcd takes one new member at a time, and a member that never started (b) is not a voter yet"
    )


def test_more_members_than_slots_close_it_and_are_all_named() -> None:
    found = reason(members=listed(peer(1), peer(2), peer(3), peer(4)))
    assert found == ("etcd has 4 members for 3 slots, and one has to leave first (i-1 (1), i-2 (2), i-3 (3), i-4 (4))")


def test_a_voter_that_does_not_answer_closes_it_and_is_named() -> None:
    assert reason(silent=("i-2",)) == "etcd's voter i-2 is unreachable, and is replaced after ten minutes of that"


def test_a_node_whose_row_says_removed_leaves_the_gate_for_good() -> None:
    assert isinstance(gate(replace(VIEW, is_out=True)), RowRemoved)


def test_an_operation_on_the_members_closes_it() -> None:
    said = "etcd's members are being changed: remove of i-1 (8e9e), requested"
    assert reason(operation=Known(OPERATION)) == said
    assert reason(operation=Known(replace(OPERATION, outcome=OperationOutcome.VETOED, reason="no"))).endswith(
        "(8e9e), vetoed: no"
    )


def test_an_operation_of_a_kind_that_this_release_does_not_know_closes_it_and_is_named() -> None:
    item = {**OPERATION.item(), "Kind": "upgrade"}
    assert reason(operation=parsed(Known(item), operation)) == (
        "whether etcd's members are being changed is unknown: "
        "item operation: Kind is 'upgrade', allowed: remove, clean-learner"
    )


def test_an_operation_that_is_unknown_closes_it() -> None:
    assert reason(operation=BROKEN) == "whether etcd's members are being changed is unknown: broken by the test"


def test_a_second_member_of_a_slot_waits_while_the_update_of_another_one_needs_the_room() -> None:
    said = "this slot has a member, and etcd's place for one more is needed by the update of another slot"
    assert reason(waits=Known(WAITING)) == said


def test_a_wait_that_is_unknown_closes_it() -> None:
    said = "whether this slot's joiners wait for an update is unknown: broken by the test"
    assert reason(waits=BROKEN) == said


@pytest.mark.parametrize("name", ["?", ""], ids=["that started", "that never started"])
def test_ones_own_learner_is_found_by_its_address_whatever_else_is_wrong(name: str) -> None:
    mine = peer(9, name, learner=True)
    view = View(listed(peer(1), peer(8, learner=True), mine), ("i-1",), BROKEN, 1, "i-9", MY_URL)
    assert gate(view) == OwnLearner(mine)


def test_a_node_that_is_a_voter_already_is_told_so() -> None:
    assert gate(replace(VIEW, members=listed(peer(1), peer(9)))) == OwnVoter(peer(9))


def test_a_voter_that_the_majority_waits_for_is_told_so_by_one_member_alone() -> None:
    alone = replace(VIEW, members=BROKEN, known_to_one=listed(peer(1), peer(9)))
    assert gate(alone) == OwnVoter(peer(9))


def test_what_one_member_alone_knows_opens_the_gate_to_nobody_and_to_no_learner() -> None:
    for known in (listed(peer(1), peer(2)), listed(peer(1), peer(9, learner=True)), listed(peer(1), peer(9, ""))):
        assert isinstance(gate(replace(VIEW, members=BROKEN, known_to_one=known)), MembersUnknown)


def test_a_lost_member_whose_address_came_to_this_node_is_not_taken_for_its_own() -> None:
    lost = replace(peer(5), peer_urls=(MY_URL,))
    assert reason(members=listed(peer(1), peer(2), lost), silent=("i-5",)).startswith("etcd's voter i-5 is unreachable")
    assert "i-5 (5) is not a voter yet" in reason(members=listed(peer(1), replace(lost, is_learner=True)))


MEMBERS = st.lists(
    st.builds(
        lambda member_id, started, learner: peer(member_id, "?" if started else "", learner=learner),
        st.integers(1, 8),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda member: member.member_id,
)
OPERATIONS: st.SearchStrategy[Reading[Operation | None]] = st.sampled_from([Known(None), Known(OPERATION), BROKEN])
WAITS: st.SearchStrategy[Reading[Timer | None]] = st.sampled_from([Known(None), Known(WAITING), BROKEN])
NAMES = st.lists(st.sampled_from(["i-1", "i-2"]), max_size=2)


@given(MEMBERS, NAMES, OPERATIONS, st.integers(1, 5), WAITS)
def test_it_never_opens_beside_an_unfinished_or_a_silent_member_or_what_it_waits_for(
    members: list[EtcdMember],
    silent: list[str],
    operation: Reading[Operation | None],
    slots: int,
    waits: Reading[Timer | None],
) -> None:
    found = gate(View(listed(*members), silent, operation, slots, "i-9", MY_URL, waits=waits))
    waiting = operation != Known(None) or waits != Known(None)
    in_the_way = any(each.is_learner or not each.name for each in members) or silent or waiting
    assert isinstance(found, Open) is not (bool(in_the_way) or len(members) > slots)
    assert isinstance(found, Open | Closed)
    assert not isinstance(found, MembersUnknown)


@given(MEMBERS, st.booleans(), st.booleans(), st.integers(0, 5), NAMES, OPERATIONS)
def test_ones_own_member_is_always_found(
    members: list[EtcdMember],
    started: bool,
    learner: bool,
    place: int,
    silent: list[str],
    operation: Reading[Operation | None],
) -> None:
    mine = peer(9, "?" if started else "", learner=learner)
    everyone = [*members[:place], mine, *members[place:]]
    found = gate(View(listed(*everyone), silent, operation, 3, "i-9", MY_URL))
    assert found == (OwnVoter(mine) if started and not learner else OwnLearner(mine))
