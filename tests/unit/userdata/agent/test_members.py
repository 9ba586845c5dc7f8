"""Member rows against etcd's own list and against EC2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.members import Member, MemberState
from coordination.members import member as parsed_row
from coordination.observed_state import FRESH_SECONDS, ClusterObservation, SeenMember
from coordination.outcomes import Done, Item, Refused
from coordination.record import Phase, cluster_record
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, etcd_member, listed, row, view
from tests.unit.userdata.tables import MemoryTable
from userdata.agent.observe.members import by_answers, by_ec2, by_etcd, listed_again, member_of
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


@pytest.mark.parametrize(
    ("case", "seen", "member", "restored"),
    [
        ("a started voter", row(3, REMOVED), etcd_member(3), True),
        ("a started voter by another id than its row's", row(3, REMOVED, "99"), etcd_member(3), True),
        ("a started voter whose row barred it", replace(row(3, REMOVED, ""), never_joined=True), etcd_member(3), True),
        ("a learner", row(3, REMOVED), etcd_member(3, learner=True), False),
        ("a learner that has not started", row(3, REMOVED), etcd_member(3, name="", learner=True), False),
        ("a voter that has never started, by its id", row(3, REMOVED), etcd_member(3, name=""), False),
        ("nobody", row(3, REMOVED), None, False),
        ("another instance at its address", row(3, REMOVED), etcd_member(3, name="i-9"), False),
        ("a voter whose row says so", row(3), etcd_member(3), False),
        ("a voter whose row says joining", row(3, JOINING), etcd_member(3), False),
        ("a voter whose row is of another epoch", row(3, REMOVED, epoch=1), etcd_member(3), False),
    ],
)
def test_a_row_that_says_removed_is_set_back_where_etcd_lists(
    case: str, seen: Member, member: EtcdMember | None, restored: bool
) -> None:
    found = listed_again([seen], listed(*THREE[:2], *([member] if member else [])), RECORD)
    assert bool(found) == restored, case


def test_a_row_is_set_back_with_the_id_of_etcd_s_list_and_counts_again_and_so_does_the_row_version() -> None:
    table = MemoryTable(RECORD.item(), replace(row(3, REMOVED, "99"), never_joined=True).item())
    (found,) = listed_again([replace(row(3, REMOVED, "99"), never_joined=True)], listed(*THREE), RECORD)
    assert table.transact(found.transaction) == Done()
    stored, record = table.stored("member#i-3"), table.stored("cluster")
    assert stored is not None
    assert record is not None
    assert parsed_row(stored) == row(3)
    assert cluster_record(record).row_version == RECORD.row_version + 1
    assert found.reason == "etcd lists i-3, whose row said removed"


@pytest.mark.parametrize(
    ("case", "item"),
    [
        ("its row was set back by another leader", row(3).item()),
        ("its row has another id by now", row(3, REMOVED, "31").item()),
        ("its row was barred since", replace(row(3, REMOVED), never_joined=True).item()),
        ("its row is of another epoch", row(3, REMOVED, epoch=3).item()),
        ("another epoch is ready", replace(RECORD, epoch=3).item()),
        ("the cluster is being restored", replace(RECORD, phase=Phase.RESTORING).item()),
        ("the cluster is being deleted", replace(RECORD, phase=Phase.DELETING).item()),
        ("a row was written since", replace(RECORD, row_version=RECORD.row_version + 1).item()),
    ],
)
def test_a_row_is_not_set_back_once(case: str, item: Item) -> None:
    table = MemoryTable(RECORD.item(), row(3, REMOVED).item())
    table.store(item)
    (found,) = listed_again([row(3, REMOVED)], listed(*THREE), RECORD)
    before = table.stored("member#i-3")
    assert isinstance(table.transact(found.transaction), Refused), case
    assert table.stored("member#i-3") == before


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


# since when members have been silent


def seen(seconds_ago: int, epoch: int = 2, saw: bool = True) -> ClusterObservation:
    """The observation before this look."""
    members = (SeenMember("10", "i-1", False, ""),) if saw else None
    return ClusterObservation(NOW - seconds_ago, "i-1", epoch, members=members)


def changes(*rows: Member, last: ClusterObservation | None, problems: dict[int, str], **kind: Any) -> dict[str, object]:
    """What is written of each row's silence; `kind` are properties of the member of `i-3`."""
    members = (*THREE[:2], etcd_member(3, **kind))
    found = by_answers(rows, view(*members, problems=problems), last, 2, NOW)
    return {each.update.item_id: dict(each.update.changes)["SilentSince"] for each in found}


SILENT = replace(row(3), silent_since=NOW - 500)


@pytest.mark.parametrize(
    ("case", "before", "last", "problems", "written"),
    [
        ("it serves", row(3), seen(30), {}, {}),
        ("it falls silent", row(3), seen(30), {3: "no answer"}, {"member#i-3": NOW}),
        ("it was silent before", SILENT, seen(30), {3: "no answer"}, {}),
        ("it answers again", SILENT, seen(30), {}, {"member#i-3": None}),
        ("nobody looked for two minutes", SILENT, seen(FRESH_SECONDS + 1), {3: "no answer"}, {"member#i-3": NOW}),
        ("somebody looked two minutes ago", SILENT, seen(FRESH_SECONDS), {3: "no answer"}, {}),
        ("whoever looked has a clock that is far ahead", SILENT, seen(-31), {3: "no answer"}, {"member#i-3": NOW}),
        ("whoever looked has a clock that is a little ahead", SILENT, seen(-30), {3: "no answer"}, {}),
        ("nobody has looked before", SILENT, None, {3: "no answer"}, {"member#i-3": NOW}),
        ("no majority answered in between", SILENT, seen(30, saw=False), {3: "no answer"}, {"member#i-3": NOW}),
        ("that was another epoch", SILENT, seen(30, epoch=1), {3: "no answer"}, {"member#i-3": NOW}),
        ("it answers after a gap", SILENT, seen(999), {}, {"member#i-3": None}),
        ("its row says removed", replace(SILENT, state=REMOVED), None, {3: "no answer"}, {}),
        ("etcd does not list it", row(9), seen(30), {}, {}),
    ],
)
def test_a_row_says_since_when_its_member_has_been_seen_silent_without_a_gap(
    case: str,
    before: Member,
    last: ClusterObservation | None,
    problems: dict[int, str],
    written: dict[str, object],
) -> None:
    assert changes(before, last=last, problems=problems) == written, case


def test_a_learner_works_as_long_as_it_answers_and_not_before_it_has_started() -> None:
    joiner = row(3, JOINING)
    assert changes(joiner, last=seen(30), problems={}, learner=True) == {}
    assert changes(joiner, last=seen(30), problems={3: "no answer"}, learner=True) == {"member#i-3": NOW}
    assert changes(joiner, last=seen(30), problems={}, learner=True, name="") == {"member#i-3": NOW}


def test_every_row_is_judged_by_its_own_member() -> None:
    rows = (replace(row(1), silent_since=NOW - 5), row(2), SILENT)
    found = changes(*rows, last=seen(30), problems={2: "no answer", 3: "no answer"})
    assert found == {"member#i-1": None, "member#i-2": NOW}
