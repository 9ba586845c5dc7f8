"""Rows of instances that are long gone are deleted, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination import retention
from coordination.members import Member, MemberState
from coordination.names import BOOT_ITEM_PREFIX, CLUSTER_ITEM, MEMBER_ITEM_PREFIX
from coordination.outcomes import Item
from coordination.record import ClusterRecord, Phase
from coordination.retention import KEPT_REMOVED, KEPT_SECONDS, MOST_ASKED, Delete, Mark, OldRow, changes, old_rows
from coordination.rows import rows
from coordination.writes import update

NOW = 1_800_000_000
LONG_AGO = NOW - KEPT_SECONDS - 1
RECORD = ClusterRecord("arn:stack", Phase.READY, 3, "i-1", 9, 1, "abc", 4)
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/"
READ = (CLUSTER_ITEM, MEMBER_ITEM_PREFIX, BOOT_ITEM_PREFIX)
STATES = [None, "pending", "running", "shutting-down", "stopping", "stopped", "terminated"]


def boot_row(name: str, **fields: object) -> Item:
    return {"Id": f"boot#{ARN}{name}", "Stage": "node", **fields}


def decided(
    items: list[Item], states: Mapping[str, str | None] | None = None, listed: frozenset[str] = frozenset()
) -> list[Mark | Delete]:
    """What a look writes, whose states are known of every instance that it asks for."""
    found = old_rows(rows(items, READ), RECORD, listed, NOW)
    return changes(found, listed, states or {}, NOW)


def marked(name: str, since: int | None) -> Mark:
    key = f"boot#{ARN}{name}"
    return Mark(update(key, {"GoneSince": since}, {"Id": key}))


@pytest.mark.parametrize("state", STATES)
def test_a_row_is_marked_when_its_instance_is_first_seen_to_be_gone(state: str | None) -> None:
    gone = state in (None, "terminated")
    assert decided([boot_row("i-5")], {"i-5": state}) == ([marked("i-5", NOW)] if gone else [])


@pytest.mark.parametrize("state", STATES)
def test_a_day_later_it_is_deleted_if_the_instance_is_gone_still_and_else_the_mark_is_taken_back(
    state: str | None,
) -> None:
    (change,) = decided([boot_row("i-5", GoneSince=LONG_AGO)], {"i-5": state})
    if state in (None, "terminated"):
        assert isinstance(change, Delete)
        key = f"boot#{ARN}i-5"
        assert (change.row.item_id, change.expected) == (key, {"Id": key, "GoneSince": LONG_AGO})
    else:
        assert change == marked("i-5", None)


def test_before_a_day_is_over_nobody_is_asked_for() -> None:
    row = boot_row("i-5", GoneSince=NOW - KEPT_SECONDS)
    assert old_rows(rows([row], READ), RECORD, frozenset(), NOW) == []


def test_of_an_instance_that_its_group_has_the_mark_is_taken_back_and_nothing_deleted() -> None:
    listed = frozenset({"i-5"})
    assert decided([boot_row("i-5")], {"i-5": None}, listed) == []
    assert decided([boot_row("i-5", GoneSince=LONG_AGO)], {"i-5": None}, listed) == [marked("i-5", None)]


@pytest.mark.parametrize("fields", [{"Stage": 5}, {"GoneSince": "soon"}, {"GoneSince": NOW + 1}, {"GoneSince": True}])
def test_a_row_that_cannot_be_understood_goes_as_every_other_one(fields: dict[str, object]) -> None:
    assert decided([boot_row("i-5", **fields)], {"i-5": "terminated"}) == [marked("i-5", NOW)]
    (change,) = decided([boot_row("i-5", **{**fields, "GoneSince": LONG_AGO})], {"i-5": "terminated"})
    assert isinstance(change, Delete)


def test_what_ec2_was_not_asked_or_did_not_answer_is_left_as_it_is() -> None:
    assert decided([boot_row("i-5"), boot_row("i-6", GoneSince=LONG_AGO)]) == []


def member_row(epoch: int, state: MemberState = MemberState.VOTER) -> Item:
    return {**Member("i-5", epoch, state).item(), "GoneSince": LONG_AGO}


@pytest.mark.parametrize("state", MemberState)
def test_a_member_row_of_an_earlier_epoch_goes_if_nobody_has_written_it_anew(state: MemberState) -> None:
    (change,) = decided([member_row(2, state)], {"i-5": "terminated"})
    assert isinstance(change, Delete)
    assert change.expected == {"Id": "member#i-5", "Epoch": 2, "GoneSince": LONG_AGO}


@given(
    st.builds(
        Member,
        st.just("i-5"),
        st.integers(RECORD.epoch, RECORD.epoch + 1),
        st.sampled_from(list(MemberState)),
        created_at=st.none() | st.just(LONG_AGO),
        never_joined=st.just(False),
        not_found_since=st.none() | st.just(LONG_AGO),
    ),
    st.sampled_from([{}, {"GoneSince": LONG_AGO}, {"GoneSince": 0}]),
    st.sampled_from(STATES),
    st.booleans(),
)
def test_a_member_row_of_the_current_epoch_is_not_touched_where_there_are_few(
    row: Member, mark: dict[str, int], state: str | None, listed: bool
) -> None:
    names = frozenset({"i-5"}) if listed else frozenset()
    assert decided([{**row.item(), **mark}], {"i-5": state}, names) == []


LEFT = [Member("i-a", RECORD.epoch, MemberState.VOTER), Member("i-b", RECORD.epoch, MemberState.JOINING)]
REMOVED = [Member(f"i-{number:03}", RECORD.epoch, MemberState.REMOVED, created_at=number) for number in range(100)]


@given(
    st.lists(st.sampled_from(REMOVED), unique=True),
    st.lists(st.sampled_from(LEFT), unique=True),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_of_many_members_that_were_removed_the_newest_rows_stay_however_late_a_view_is(
    removed: list[Member], members: list[Member], late: list[int]
) -> None:
    """Several leaders delete by views of different moments, and members are removed all the while."""
    present = {each.instance_id: each for each in [*removed, *members]}
    for number, view in enumerate(late):
        seen = list(present.values())[view:] if view % 2 else list(present.values())
        new = Member(f"i-new{number}", RECORD.epoch, MemberState.REMOVED, created_at=1000 + number)
        present[new.instance_id] = new
        gone = retention.over(seen, RECORD)
        assert {each.state for each in gone} <= {MemberState.REMOVED}
        for each in gone:
            present.pop(each.instance_id, None)
        assert sum(each.state is MemberState.REMOVED for each in present.values()) >= min(
            KEPT_REMOVED, len(removed) + number + 1
        )
    assert all(each.instance_id in present for each in members)


def test_the_table_does_not_grow_with_replacements() -> None:
    """A slot whose instance is replaced every week for ten years, each time after a boot that failed."""
    members: dict[str, Item] = {}
    for number in range(520):
        row = Member(f"i-{number:04}", RECORD.epoch, MemberState.REMOVED, created_at=number)
        barred = Member(f"i-x{number:04}", RECORD.epoch, MemberState.REMOVED, created_at=number, never_joined=True)
        members |= {each.item_id: {**each.item(), "GoneSince": LONG_AGO} for each in (row, barred)}
        states = {key.partition("#")[2]: "terminated" for key in members}
        for change in decided(list(members.values()), states):
            assert isinstance(change, Delete)
            assert change.expected["State"] == "removed"
            del members[change.row.item_id]
    assert len(members) == KEPT_REMOVED
    assert set(members) == {f"member#i-{number:04}" for number in range(520 - KEPT_REMOVED, 520)}


def test_a_removed_member_whose_instance_runs_keeps_its_row_and_one_that_never_joined_loses_it() -> None:
    row = Member("i-5", RECORD.epoch, MemberState.REMOVED, created_at=1, never_joined=True)
    assert decided([row.item()], {"i-5": "stopped"}) == []
    (marked_row,) = decided([row.item()], {"i-5": "terminated"})
    assert isinstance(marked_row, Mark)
    (change,) = decided([{**row.item(), "GoneSince": LONG_AGO}], {"i-5": None})
    assert isinstance(change, Delete)
    assert change.expected == {"Id": "member#i-5", "Epoch": 3, "State": "removed", "GoneSince": LONG_AGO}


def test_a_member_row_that_cannot_be_understood_may_be_of_the_current_epoch() -> None:
    assert decided([{"Id": "member#i-5", "Epoch": "1", "State": "voter", "GoneSince": 0}], {"i-5": None}) == []


def test_one_look_asks_for_a_bounded_number_and_passes_nobody_over_for_ever() -> None:
    many = rows([boot_row(f"i-{number:04}") for number in range(5 * MOST_ASKED)], READ)
    asked: set[str] = set()
    for look in range(40):
        found = old_rows(many, RECORD, frozenset(), NOW + 31 * look)
        assert len(found) == MOST_ASKED
        asked |= {row.instance_id for row in found}
    assert len(asked) == 5 * MOST_ASKED


def test_what_a_deletion_expects_is_the_row_as_it_was_read() -> None:
    row = OldRow("member#i-5", "i-5", gone_since=7, epoch=2)
    assert Delete(row).expected == {"Id": "member#i-5", "Epoch": 2, "GoneSince": 7}
    assert Delete(replace(row, epoch=None)).expected == {"Id": "member#i-5", "GoneSince": 7}
