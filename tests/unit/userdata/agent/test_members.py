"""Member rows against etcd's own list and against EC2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordination.members import Member, MemberState
from tests.unit.userdata.agent.looks import NOW, ROWS, THREE, etcd_member, listed, row
from userdata.agent.observe.members import by_ec2, by_etcd, member_of
from userdata.etcd.model import EtcdMember

JOINING, REMOVED = MemberState.JOINING, MemberState.REMOVED


def test_rows_that_are_true_are_left_alone() -> None:
    assert by_etcd(ROWS, listed(*THREE)) == []


@pytest.mark.parametrize(
    ("seen", "member", "changes"),
    [
        (row(3, JOINING, ""), etcd_member(3), {"Epoch": 2, "State": "voter", "EtcdMemberId": "30"}),
        (row(3, JOINING, ""), etcd_member(3, learner=True), {"Epoch": 2, "EtcdMemberId": "30"}),
        (row(3, JOINING, ""), etcd_member(3, name="", learner=True), {"Epoch": 2, "EtcdMemberId": "30"}),
        (row(3, JOINING), etcd_member(3, name="", learner=True), None),
        (row(3, JOINING), None, None),
        (row(3, etcd_id=""), etcd_member(3), {"Epoch": 2, "EtcdMemberId": "30"}),
        (row(3, etcd_id="99"), etcd_member(3), {"Epoch": 2, "EtcdMemberId": "30"}),
        (row(3), None, {"Epoch": 2, "State": "removed"}),
        (row(3, REMOVED), None, None),
        (row(3, REMOVED), etcd_member(3), None),
    ],
    ids=[
        "a joiner that became a voter",
        "a learner whose id was not known",
        "a learner that has not started, by its address",
        "a learner that has not started, by its id",
        "a joiner that etcd has not heard of",
        "a voter whose id was not known",
        "a voter with another id",
        "a voter that etcd does not list",
        "a removed member that is not listed",
        "a removed member that is listed",
    ],
)
def test_a_row_becomes_what_etcd_says(
    seen: Member, member: EtcdMember | None, changes: dict[str, object] | None
) -> None:
    found = by_etcd([seen], listed(*THREE[:2], *([member] if member else [])))
    assert [dict(each.update.changes) for each in found] == ([] if changes is None else [changes])
    for each in found:
        expected = dict(each.update.expected)
        assert (expected["Epoch"], expected["State"]) == (2, seen.state.value)


def test_a_member_of_another_name_is_not_a_rows_even_with_its_id() -> None:
    assert member_of(row(9, etcd_id="10"), listed(*THREE)) is None


def test_since_when_ec2_has_not_known_an_instance_is_written_once_and_taken_back() -> None:
    unknown, back = replace(row(2), not_found_since=NOW - 60), replace(row(3), not_found_since=NOW - 60)
    rows = [row(1), unknown, back, row(4, REMOVED), row(5)]
    states = {"i-1": None, "i-2": None, "i-3": "running", "i-4": None}
    found = by_ec2(rows, states, NOW)
    assert [(each.update.item_id, dict(each.update.changes)["NotFoundSince"]) for each in found] == [
        ("member#i-1", NOW),
        ("member#i-3", None),
    ]
