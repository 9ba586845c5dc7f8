"""Who excludes whom: every pair, in every way in which the other one may stand, and the table in the documents."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from coordination import exclusion, operations
from coordination.exclusion import NEEDS, Activity, Ended, Free, Standing, Taken
from coordination.names import OPERATION_ITEM, lease_item
from coordination.node_leases import LeaseName, NodeLease
from coordination.operations import DOUBT_SECONDS, Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Known, Unknown
from coordination.writes import check, holds

JOIN, REMOVAL, CALL, RESTART, BACKUP = Activity
NOW = 1_800_000_000
ASKED = Operation("op-1", OperationKind.REMOVE, "i-1", "10", 3, OperationState.REQUESTED, NOW - 99)
ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"

WAITS = {
    ("a joiner waits for an operation, for the gate opens for none", JOIN, REMOVAL),
    ("a joiner waits for a restart", JOIN, RESTART),
    ("no removal is asked for beside a restart", REMOVAL, RESTART),
    ("the very call of a removal waits for a backup", CALL, BACKUP),
    ("a restart waits for a join", RESTART, JOIN),
    ("a restart waits for a removal", RESTART, REMOVAL),
    ("a restart waits for a backup", RESTART, BACKUP),
    ("a backup waits for a restart", BACKUP, RESTART),
}
GOES_ON = {
    ("a removal is asked for beside a joiner that is past the gate", REMOVAL, JOIN),
    ("a removal is asked for beside a backup", REMOVAL, BACKUP),
    ("a joiner goes on beside a backup", JOIN, BACKUP),
    ("a backup begins beside a joiner", BACKUP, JOIN),
    ("a backup begins beside a removal", BACKUP, REMOVAL),
    ("the call of a removal goes on beside a joiner", CALL, JOIN),
    ("the call of a removal looks for no restart, which its operation excludes", CALL, RESTART),
}


def named(pairs: set[tuple[str, Activity, Activity]]) -> list[object]:
    return [pytest.param(*pair, id=name) for name, *pair in sorted(pairs)]


@pytest.mark.parametrize(("begins", "other"), named(WAITS))
def test_what_waits(begins: Activity, other: Activity) -> None:
    assert exclusion.checks(begins, {other: Taken("it goes on")}) == Taken("it goes on")


@pytest.mark.parametrize(("begins", "other"), named(GOES_ON))
def test_what_goes_on_beside(begins: Activity, other: Activity) -> None:
    assert not isinstance(exclusion.checks(begins, {other: Taken("it goes on")}), Taken)


def test_every_pair_is_said_and_each_excludes_itself_by_its_own_write() -> None:
    said = [(begins, other) for _, begins, other in WAITS | GOES_ON]
    stored = [each for each in Activity if each is not CALL]
    assert sorted(said) == sorted((a, b) for a in Activity for b in stored if a is not b and (a, b) != (CALL, REMOVAL))
    assert not any(each in NEEDS[each] for each in Activity)


STANDINGS: tuple[Standing, ...] = (Free(check("free", {"a": 1})), Ended(check("ended", {"b": 2})), Taken("taken"))


@pytest.mark.parametrize("begins", list(Activity))
def test_it_begins_exactly_where_all_that_it_waits_for_is_free_and_takes_their_checks(begins: Activity) -> None:
    waits_for = {other for _, each, other in WAITS if each is begins}
    for standings in itertools.product(STANDINGS, repeat=len(Activity)):
        seen = dict(zip(Activity, standings, strict=True))
        taken = {other for other in waits_for if isinstance(seen[other], Taken)}
        stands = {other for other in waits_for if isinstance(seen[other], Ended)}
        busy = bool(taken) or (begins is JOIN and REMOVAL in stands)
        found = exclusion.checks(begins, seen)
        assert isinstance(found, Taken) == busy
        if not isinstance(found, Taken):
            expected = [seen[other] for other in waits_for]
            assert set(found) == {each.check for each in expected if not isinstance(each, Taken)}


@pytest.mark.parametrize("begins", list(Activity))
def test_whoever_has_not_looked_goes_by_what_is_absent_or_released_alone(begins: Activity) -> None:
    found = exclusion.checks(begins, {})
    assert not isinstance(found, Taken)
    for each in found:
        assert holds(each.expected, None)
        assert holds(each.expected, {"Counter": 5, "Fence": 2}) or each.item_id == OPERATION_ITEM
        assert not holds(each.expected, {"Owner": "i-3", "OperationId": "op-1"})


# how a lease and an operation stand

HELD = NodeLease(LeaseName.RESTART, "i-3", 5, 2)
FIELDS = {"Owner": "i-3", "Counter": 5, "Fence": 2}


def test_a_lease_of_an_owner_that_stood_still_is_free_until_it_moves_or_is_taken() -> None:
    found = exclusion.of_lease(RESTART, Known(HELD), still=True)
    assert isinstance(found, Free)
    assert found.check.item_id == lease_item(LeaseName.RESTART)
    assert holds(found.check.expected, FIELDS)
    for moved in ({"Owner": "i-4"}, {"Counter": 6}, {"Fence": 3}):
        assert not holds(found.check.expected, {**FIELDS, **moved})


@pytest.mark.parametrize("still", [False, True])
def test_a_lease_that_cannot_be_read_is_taken(still: bool) -> None:
    assert isinstance(exclusion.of_lease(RESTART, Unknown("throttled"), still=still), Taken)


def test_a_lease_that_is_renewed_is_taken_and_one_that_was_released_or_never_held_is_free() -> None:
    assert exclusion.of_lease(RESTART, Known(HELD), still=False) == Taken("i-3 holds lease#restart")
    for seen in (None, NodeLease(LeaseName.RESTART, "", 5, 2)):
        assert exclusion.of_lease(RESTART, Known(seen), still=False) == exclusion.absent_or_released(RESTART)


ACCEPTED = OperationState.ACCEPTED


@pytest.mark.parametrize(
    ("case", "outcome", "state", "ended", "over"),
    [
        ("it was requested", None, OperationState.REQUESTED, None, False),
        ("an agent carries it out", None, ACCEPTED, None, False),
        ("it is done", OperationOutcome.DONE, ACCEPTED, NOW, True),
        ("it was withdrawn a moment ago, and an agent may not know", OperationOutcome.WITHDRAWN, ACCEPTED, NOW, False),
        ("it was vetoed a moment ago, and an agent may not know", OperationOutcome.VETOED, ACCEPTED, NOW, False),
        ("it was withdrawn a minute ago", OperationOutcome.WITHDRAWN, ACCEPTED, NOW - DOUBT_SECONDS, True),
        ("nobody ever accepted it", OperationOutcome.WITHDRAWN, OperationState.REQUESTED, NOW, True),
    ],
)
def test_an_operation_is_over_once_it_has_ended_and_no_agent_can_act_on_it(
    case: str, outcome: OperationOutcome | None, state: OperationState, ended: int | None, over: bool
) -> None:
    fields = {**ASKED.fields(), "Outcome": None if outcome is None else outcome.value, "State": state.value}
    stored = operations.operation(
        {"Id": OPERATION_ITEM, **{k: v for k, v in fields.items() if v is not None}}
        | ({} if ended is None else {"EndedAt": ended})
    )
    found = operations.standing(Known(stored), NOW)
    assert isinstance(found, Ended if over else Taken), case
    if isinstance(found, Ended):
        assert holds(found.check.expected, fields)
        assert not holds(found.check.expected, {**fields, "OperationId": "op-2"})
        assert not holds(found.check.expected, None)


def test_an_operation_that_cannot_be_understood_excludes_whom_any_other_one_does() -> None:
    assert isinstance(operations.standing(Unknown("item operation: Kind"), NOW), Taken)


# the documents

WORDS = {"waits": True, "goes on": False}


def test_the_table_in_the_documents_says_the_same() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").partition("## Who excludes whom")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    columns = [Activity(cell.removeprefix("beside a ")) for cell in lines[0][1:]]
    assert columns == [JOIN, REMOVAL, RESTART, BACKUP]
    rows = {Activity(line[0]): line[1:] for line in lines[2:]}
    assert list(rows) == list(Activity)
    for begins, cells in rows.items():
        for other, cell in zip(columns, cells, strict=True):
            if begins is other:
                assert cell == "one at a time"
            elif (begins, other) == (CALL, REMOVAL):
                assert cell == "is part of it"
            else:
                waits = isinstance(exclusion.checks(begins, {other: Taken("it goes on")}), Taken)
                assert WORDS[cell] == waits, (begins, other)
