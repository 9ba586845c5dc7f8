"""The writes of operations, and those that correct member rows, against moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from coordination import member_writes, operations
from coordination.adapters.table import ClusterTable
from coordination.members import Member, MemberState, member
from coordination.names import OPERATION_ITEM
from coordination.node_leases import LeaseName, NodeLease, release, take
from coordination.operations import (
    DOUBT_SECONDS,
    LONGEST_SECONDS,
    Operation,
    OperationKind,
    OperationOutcome,
    OperationState,
    operation,
)
from coordination.outcomes import Conflict, Done, Known, Refused
from coordination.record import ClusterRecord, Phase
from coordination.writes import Update, as_item
from tests.unit.coordination.conftest import NAME, dynamodb

NOW = 1_800_000_000
RECORD = ClusterRecord("arn:stack", Phase.READY, 3, "i-2", 9, 1, "cdf818194e3a8c32", 4)
ROW = Member("i-1", 3, MemberState.VOTER, "0", "10.0.0.1", "8e9e", created_at=NOW - 9999)
REQUESTED = Operation("op-1", OperationKind.REMOVE, "i-1", "8e9e", 3, OperationState.REQUESTED, NOW)
DONE, VETOED, WITHDRAWN = OperationOutcome


@pytest.fixture(scope="module")
def shared() -> Iterator[Any]:
    with dynamodb() as made:
        yield made


@pytest.fixture
def table(shared: Any) -> ClusterTable:
    """A ready cluster with one row, and nothing else."""
    for item in shared.scan(TableName=NAME)["Items"]:
        shared.delete_item(TableName=NAME, Key={"Id": item["Id"]})
    made = ClusterTable(shared, NAME)
    for fields in (RECORD.item(), ROW.item()):
        made.put(fields, {})
    return made


def stored(table: ClusterTable) -> Operation:
    found = table.get(OPERATION_ITEM)
    assert isinstance(found, Known)
    assert found.value is not None
    return operation(found.value)


def row(table: ClusterTable) -> Member:
    found = table.get(ROW.item_id)
    assert isinstance(found, Known)
    assert found.value is not None
    return member(found.value)


def accepted(table: ClusterTable, by: str = "i-2", now: int = NOW) -> Operation:
    write, after = operations.accept(stored(table), by, now, 300)
    assert table.apply(write) == Done()
    return after


# requests


def test_an_operation_is_requested_where_there_is_none(table: ClusterTable) -> None:
    assert table.transact(operations.request(REQUESTED)) == Done()
    assert stored(table) == REQUESTED


def test_a_lease_of_restarts_that_was_released_hinders_no_request(table: ClusterTable) -> None:
    holding = take(LeaseName.RESTART, None, "i-3")
    table.apply(holding.write)
    table.apply(release(holding.lease))
    assert table.transact(operations.request(REQUESTED)) == Done()


@pytest.mark.parametrize(
    ("case", "item"),
    [
        ("another one is there", replace(REQUESTED, operation_id="op-0").item()),
        ("another one has ended and was not cleared", replace(REQUESTED, operation_id="op-0", outcome=DONE).item()),
        ("one that nobody understands is there", {"Id": OPERATION_ITEM, "Kind": "merge"}),
        ("somebody restarts static pods", as_item("lease#restart", {"Owner": "i-3", "Counter": 1, "Fence": 1})),
        ("another epoch has begun", replace(RECORD, epoch=4).item()),
        ("the cluster is being restored", replace(RECORD, phase=Phase.RESTORING).item()),
        ("the cluster is being deleted", replace(RECORD, phase=Phase.DELETING).item()),
    ],
)
def test_no_operation_is_requested_where(table: ClusterTable, case: str, item: Mapping[str, object]) -> None:
    table.put(item, {})
    before = table.get(OPERATION_ITEM)
    assert isinstance(table.transact(operations.request(REQUESTED)), Refused), case
    assert table.get(OPERATION_ITEM) == before


def test_no_operation_is_requested_without_a_record(table: ClusterTable) -> None:
    table.delete("cluster", {})
    assert isinstance(table.transact(operations.request(REQUESTED)), Refused)


# acceptance


def test_what_an_acceptance_promises_is_what_is_stored(table: ClusterTable) -> None:
    table.put(REQUESTED.item(), {})
    after = accepted(table)
    assert stored(table) == after
    assert (after.state, after.accepted_by, after.drain_until) == (OperationState.ACCEPTED, "i-2", NOW + 300)


def test_another_agent_accepts_in_the_first_one_s_place_and_the_drain_ends_as_it_was_to(table: ClusterTable) -> None:
    table.put(REQUESTED.item(), {})
    accepted(table)
    after = accepted(table, "i-3", NOW + 100)
    assert stored(table) == after
    assert (after.accepted_by, after.drain_until) == ("i-3", NOW + 300)


@pytest.mark.parametrize(
    ("case", "now_there"),
    [
        ("it is another one", replace(REQUESTED, operation_id="op-2")),
        ("it has ended", replace(REQUESTED, outcome=WITHDRAWN, ended_at=NOW)),
        ("another agent was quicker", replace(REQUESTED, state=OperationState.ACCEPTED, accepted_by="i-3")),
    ],
)
def test_an_acceptance_is_refused_where(table: ClusterTable, case: str, now_there: Operation) -> None:
    table.put(now_there.item(), {})
    write, _ = operations.accept(REQUESTED, "i-2", NOW, 300)
    assert isinstance(table.apply(write), Conflict), case
    assert stored(table) == now_there


def test_no_operation_is_made_by_accepting_or_ending_one_that_was_cleared(table: ClusterTable) -> None:
    write, _ = operations.accept(REQUESTED, "i-2", NOW, 300)
    assert isinstance(table.apply(write), Conflict)
    assert isinstance(table.apply(operations.end(REQUESTED, VETOED, "x", NOW)), Conflict)
    assert table.get(OPERATION_ITEM) == Known(None)


# ends


@pytest.mark.parametrize("outcome", list(OperationOutcome))
def test_an_operation_ends_with_outcome_reason_and_time(table: ClusterTable, outcome: OperationOutcome) -> None:
    table.put(REQUESTED.item(), {})
    assert table.apply(operations.end(REQUESTED, outcome, "because", NOW + 7)) == Done()
    assert stored(table) == replace(REQUESTED, outcome=outcome, reason="because", ended_at=NOW + 7)


@pytest.mark.parametrize(
    ("case", "now_there"),
    [
        ("it is another one", replace(REQUESTED, operation_id="op-2")),
        ("it has ended", replace(REQUESTED, outcome=WITHDRAWN, ended_at=NOW)),
    ],
)
def test_an_end_is_refused_where(table: ClusterTable, case: str, now_there: Operation) -> None:
    table.put(now_there.item(), {})
    assert isinstance(table.apply(operations.end(REQUESTED, VETOED, "because", NOW)), Conflict), case
    assert isinstance(table.transact(operations.finish(REQUESTED, ROW, "because", NOW)), Refused), case
    assert (stored(table), row(table)) == (now_there, ROW)


def test_row_and_operation_end_together(table: ClusterTable) -> None:
    table.put(REQUESTED.item(), {})
    assert table.transact(operations.finish(REQUESTED, ROW, "because", NOW)) == Done()
    assert (stored(table).outcome, row(table)) == (DONE, replace(ROW, state=MemberState.REMOVED))


@pytest.mark.parametrize(
    ("case", "now_there"),
    [
        ("it was removed and joins again", replace(ROW, state=MemberState.JOINING)),
        ("it has another id", replace(ROW, etcd_member_id="99")),
        ("it is of another epoch", replace(ROW, epoch=4)),
    ],
)
def test_an_operation_does_not_end_on_a_row_that_changed(table: ClusterTable, case: str, now_there: Member) -> None:
    table.put(now_there.item(), {})
    table.put(REQUESTED.item(), {})
    assert isinstance(table.transact(operations.finish(REQUESTED, ROW, "because", NOW)), Refused), case
    assert (stored(table), row(table)) == (REQUESTED, now_there)


@pytest.mark.parametrize(("owner", "fence", "ends"), [("i-2", 5, True), ("i-1", 5, False), ("i-2", 6, False)])
def test_a_joining_row_ends_only_under_the_lease_that_was_taken(
    table: ClusterTable, owner: str, fence: int, ends: bool
) -> None:
    joining = replace(ROW, state=MemberState.JOINING, etcd_member_id="")
    table.put(joining.item(), {})
    table.put(REQUESTED.item(), {})
    table.put(as_item("lease#join", {"Owner": owner, "Counter": 8, "Fence": fence}), {})
    lease = NodeLease(LeaseName.JOIN, "i-2", 7, 5)
    outcome = table.transact(operations.finish(REQUESTED, joining, "because", NOW, lease))
    assert isinstance(outcome, Done) == ends
    assert (row(table).state is MemberState.REMOVED) == ends


# time


def test_an_operation_is_overdue_after_its_longest_time_until_it_has_ended() -> None:
    assert not REQUESTED.is_overdue(NOW + LONGEST_SECONDS)
    assert REQUESTED.is_overdue(NOW + LONGEST_SECONDS + 1)
    assert not replace(REQUESTED, outcome=DONE).is_overdue(NOW + 9999)


@pytest.mark.parametrize(
    ("outcome", "state", "ended", "doubt"),
    [
        (WITHDRAWN, OperationState.ACCEPTED, NOW, True),
        (WITHDRAWN, OperationState.ACCEPTED, NOW - DOUBT_SECONDS, False),
        (WITHDRAWN, OperationState.ACCEPTED, None, True),
        (WITHDRAWN, OperationState.REQUESTED, NOW, False),
        (VETOED, OperationState.ACCEPTED, NOW, True),
        (VETOED, OperationState.REQUESTED, NOW, False),
        (OperationOutcome.DONE, OperationState.ACCEPTED, NOW, False),
        (None, OperationState.ACCEPTED, None, False),
    ],
)
def test_one_that_ended_without_a_removal_after_an_agent_had_accepted_it_is_in_doubt_for_a_minute(
    outcome: OperationOutcome | None, state: OperationState, ended: int | None, doubt: bool
) -> None:
    found = replace(REQUESTED, outcome=outcome, state=state, ended_at=ended)
    assert found.is_in_doubt(NOW + DOUBT_SECONDS - 1 if ended == NOW else NOW) == doubt


@pytest.mark.parametrize("ended", [None, NOW - 9999, NOW + 9999])
def test_of_a_veto_the_function_s_clock_counts_once_it_has_seen_it(ended: int | None) -> None:
    found = replace(REQUESTED, outcome=VETOED, state=OperationState.ACCEPTED, ended_at=ended, end_seen_at=NOW)
    assert found.is_in_doubt(NOW + DOUBT_SECONDS - 1)
    assert not found.is_in_doubt(NOW + DOUBT_SECONDS)


def test_when_the_end_was_seen_is_written_once(table: ClusterTable) -> None:
    table.put(replace(REQUESTED, outcome=VETOED, ended_at=NOW).item(), {})
    assert isinstance(table.apply(operations.end_seen(REQUESTED, NOW + 5)), Done)
    assert isinstance(table.apply(operations.end_seen(REQUESTED, NOW + 9)), Conflict)
    assert stored(table).end_seen_at == NOW + 5
    another = replace(REQUESTED, operation_id="op-2")
    assert isinstance(table.apply(operations.end_seen(another, NOW + 5)), Conflict)


# member rows


SILENT = replace(ROW, silent_since=NOW - 60)


@pytest.mark.parametrize(
    ("case", "write", "before", "after"),
    [
        ("silent", member_writes.silent(ROW, NOW), ROW, replace(ROW, silent_since=NOW)),
        ("silent anew", member_writes.silent(SILENT, NOW), SILENT, replace(ROW, silent_since=NOW)),
        ("answers again", member_writes.answers_again(SILENT), SILENT, ROW),
        ("a hook began", member_writes.hook_began(ROW, NOW), ROW, replace(ROW, hook_since=NOW)),
        ("vetoed", member_writes.removal_vetoed(ROW, NOW), ROW, replace(ROW, vetoed_at=NOW)),
        (
            "vetoed again",
            member_writes.removal_vetoed(ROW, NOW),
            replace(ROW, vetoed_at=5),
            replace(ROW, vetoed_at=NOW),
        ),
    ],
)
def test_a_row_says_since_when(table: ClusterTable, case: str, write: Update, before: Member, after: Member) -> None:
    table.put(before.item(), {})
    assert table.apply(write) == Done(), case
    assert row(table) == after


@pytest.mark.parametrize(
    ("case", "write", "now_there"),
    [
        ("another epoch: silent", member_writes.silent(ROW, NOW), replace(ROW, epoch=4)),
        ("another epoch: answers", member_writes.answers_again(SILENT), replace(SILENT, epoch=4)),
        ("another epoch: hook", member_writes.hook_began(ROW, NOW), replace(ROW, epoch=4)),
        ("another epoch: vetoed", member_writes.removal_vetoed(ROW, NOW), replace(ROW, epoch=4)),
        ("silent, as another leader said", member_writes.silent(ROW, NOW), SILENT),
        ("answers, and fell silent anew", member_writes.answers_again(SILENT), replace(SILENT, silent_since=NOW - 1)),
        ("a hook that began before", member_writes.hook_began(ROW, NOW), replace(ROW, hook_since=NOW - 99)),
        ("vetoed, and removed", member_writes.removal_vetoed(ROW, NOW), replace(ROW, state=MemberState.REMOVED)),
    ],
)
def test_a_row_that_changed_since_is_left_as_it_is(
    table: ClusterTable, case: str, write: Update, now_there: Member
) -> None:
    table.put(now_there.item(), {})
    assert isinstance(table.apply(write), Conflict), case
    assert row(table) == now_there


@pytest.mark.parametrize(
    "write",
    [
        member_writes.silent(ROW, NOW),
        member_writes.answers_again(SILENT),
        member_writes.hook_began(ROW, NOW),
        member_writes.removal_vetoed(ROW, NOW),
    ],
)
def test_no_write_makes_a_row_that_was_deleted(table: ClusterTable, write: Update) -> None:
    table.delete(ROW.item_id, {})
    assert isinstance(table.apply(write), Conflict)
    assert table.get(ROW.item_id) == Known(None)
