"""What is told of slots in which nothing boots or serves, and of launches that fail again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.conditions import Condition
from coordination.instances import Groups
from coordination.launches import Launches, LaunchFailure
from coordination.outcomes import Known, Reading
from functions.reconcile.group_rules import decide
from functions.reconcile.slots import ASKED_SECONDS, EMPTY_SECONDS, whose_launches_matter, without_room
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import (
    BROKEN,
    NOW,
    STARTED,
    function_harness,
    instance,
    rows,
    slot,
    snapshot,
)

EMPTY, LOOP = "SlotEmpty/slot-0", "LaunchLoop/slot-0"
LONG_AGO = {EMPTY: NOW - EMPTY_SECONDS}
NO_ROOM = LaunchFailure("We currently do not have sufficient capacity", no_room=True)
REFUSED = LaunchFailure("The key does not exist", no_room=False)
ABANDONED = LaunchFailure("Instance failed to complete user's Lifecycle Action", no_room=False, abandoned=True)


def launched(*failures: LaunchFailure) -> Known[Launches]:
    return Known(Launches(failures))


def seen(launches: Reading[Launches] | None = None, *states: str, desired: int = 1, **changes: Any) -> Snapshot:
    """Slot 0 with instances in these states, and what Auto Scaling says of its launches."""
    table = {"start": STARTED, "timers": LONG_AGO, **changes.pop("table", {})}
    instances = tuple(instance(f"i-{number}", state) for number, state in enumerate(states))
    found = {"groups": Known(Groups(instances, (slot(0, desired=desired),))), "rows": rows(**table), **changes}
    return snapshot(launches={} if launches is None else {"slot0": launches}, **found)


def told(found: Snapshot) -> dict[str, Condition]:
    return {each.name: each for each in decide(found).conditions}


@pytest.mark.parametrize(
    ("case", "states"),
    [
        ("it has no instance", ()),
        ("its only one terminates", ("Terminating:Wait",)),
        ("its only one is retained", ("Terminating:Retained",)),
        ("its only one stands by", ("Standby",)),
    ],
)
def test_a_slot_is_empty_after_fifteen_minutes_in_which(case: str, states: tuple[str, ...]) -> None:
    found = told(seen(launched(REFUSED), *states))
    assert set(found) == {EMPTY}, case
    assert found[EMPTY].reason.endswith(f"the last launch failed: {REFUSED.reason}")
    assert found[EMPTY].since == NOW - EMPTY_SECONDS


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("an instance boots", seen(None, "Pending:Wait")),
        ("an instance serves beside one that terminates", seen(None, "Terminating:Wait", "InService")),
        ("fifteen minutes are not over", seen(launched(), table={"timers": {EMPTY: NOW - EMPTY_SECONDS + 1}})),
        ("nobody has seen it before", seen(launched(), table={"timers": {}})),
        ("the cluster was never started", seen(launched(), table={"start": Known(None)})),
        ("the table is unknown", seen(launched(), rows=BROKEN)),
        ("the groups are unknown", seen(launched(), groups=BROKEN)),
    ],
)
def test_no_slot_is_called_empty_where(case: str, found: Snapshot) -> None:
    assert EMPTY not in told(found), case


@pytest.mark.parametrize(
    ("launches", "desired", "reason", "step"),
    [
        (launched(NO_ROOM), 1, NO_ROOM.reason, "Make room"),
        (launched(REFUSED), 1, REFUSED.reason, "Correct what EC2 says"),
        (launched(ABANDONED), 1, ABANDONED.reason, "log of the last instance's boot"),
        (launched(), 1, "no launch of slot0 has failed", "ProcessesSuspended"),
        (BROKEN, 1, f"why is unknown: {BROKEN.reason}", "activities"),
        (None, 0, "the desired capacity of slot0 is 0", "activities"),
    ],
)
def test_why_a_slot_is_empty_and_what_to_do_is_said(
    launches: Reading[Launches] | None, desired: int, reason: str, step: str
) -> None:
    condition = told(seen(launches, desired=desired))[EMPTY]
    assert condition.reason.endswith(reason)
    assert step in condition.next_step


@pytest.mark.parametrize("failure", [NO_ROOM, REFUSED, ABANDONED])
def test_three_launches_in_a_row_that_failed_are_told(failure: LaunchFailure) -> None:
    found = told(seen(launched(failure, ABANDONED, REFUSED), table={"timers": {}}))
    assert set(found) == {LOOP}
    assert found[LOOP].reason.endswith(failure.reason)


def test_two_launches_that_failed_are_no_loop() -> None:
    assert told(seen(launched(REFUSED, REFUSED), table={"timers": {}})) == {}


@pytest.mark.parametrize("name", [EMPTY, LOOP])
def test_what_is_unknown_now_is_told_as_it_was_told_before(name: str) -> None:
    stored = Condition(name, "said before", "a step", NOW - 5000)
    found = told(seen(BROKEN, table={"conditions": {name: stored}}))
    assert found[name] == stored


def test_a_loop_is_told_while_the_next_instance_boots_and_no_longer_once_one_serves() -> None:
    loop = {"conditions": {LOOP: Condition(LOOP, "said before", "a step", NOW - 60)}}
    for state, asked in (("Pending:Wait", ["slot0"]), ("InService", [])):
        found = seen(None, state, table=loop)
        matter = whose_launches_matter(found.groups, found.rows, found.root_status, found.now)
        assert [group.name for group in matter] == asked, state
    assert set(told(seen(launched(REFUSED, REFUSED, REFUSED), "Pending:Wait", table=loop))) == {LOOP}
    assert told(seen(None, "InService", table=loop)) == {}


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("an instance boots", seen(None, "Pending")),
        ("an instance serves", seen(None, "InService")),
        ("none is wanted", seen(None, desired=0)),
        ("the last one began to terminate just now", seen(None, table={"timers": {EMPTY: NOW - ASKED_SECONDS + 1}})),
        ("nobody has seen that none is there", seen(None, table={"timers": {}})),
        ("the cluster was never started", seen(None, table={"start": Known(None)})),
        ("the cluster is being deleted", seen(None, root_status=Known("DELETE_IN_PROGRESS"))),
        ("the table is unknown", seen(None, rows=BROKEN)),
    ],
)
def test_auto_scaling_is_not_asked_about_launches_where(case: str, found: Snapshot) -> None:
    assert list(whose_launches_matter(found.groups, found.rows, found.root_status, found.now)) == [], case


def test_auto_scaling_is_asked_about_a_slot_that_has_been_empty_for_a_minute() -> None:
    found = seen(None, "Terminating:Wait", table={"timers": {EMPTY: NOW - ASKED_SECONDS}})
    asked = whose_launches_matter(found.groups, found.rows, found.root_status, found.now)
    assert [group.name for group in asked] == ["slot0"]


@pytest.mark.parametrize(
    ("case", "found", "slots"),
    [
        ("the last launch found none", seen(launched(NO_ROOM, REFUSED), "Terminating:Wait"), {"0"}),
        ("the last launch failed for another reason", seen(launched(REFUSED, NO_ROOM), "Terminating:Wait"), set()),
        ("no launch has failed", seen(launched(), "Terminating:Wait"), set()),
        ("it is unknown", seen(BROKEN, "Terminating:Wait"), set()),
        ("an instance boots by now", seen(launched(NO_ROOM), "Pending:Wait"), set()),
    ],
)
def test_a_slot_has_no_room_where(case: str, found: Snapshot, slots: set[str]) -> None:
    assert without_room(found) == slots, case


def test_passes_time_an_empty_slot_in_the_table_and_clear_what_is_over() -> None:
    with function_harness() as there:
        there.groups.slots = {"slot0": slot(0, desired=1)}
        assert isinstance(STARTED, Known)
        assert STARTED.value is not None
        there.table.put(STARTED.value.item(), {})
        there.groups.launched = {"slot0": launched(NO_ROOM)}
        there.call(SCHEDULE)
        there.moment += EMPTY_SECONDS - 1
        there.call(SCHEDULE)
        assert there.item(f"condition#{EMPTY}") is None
        there.moment += 1
        assert there.call(SCHEDULE) == {"outcome": "done"}
        assert there.item(f"condition#{EMPTY}")["Since"] == NOW
        there.groups.by_id = {"i-1": replace(instance("i-1"), lifecycle_state="Pending:Wait")}
        there.call(SCHEDULE)
        assert there.stored_keys() == {"cluster", "start"}
