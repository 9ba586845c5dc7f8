"""Which suspended processes are resumed, and which are only told of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.instances import Groups, PoolGroup
from coordination.names import SUSPENDED_BY_UPDATES
from coordination.outcomes import Known
from functions.reconcile.actions import ResumeProcesses, StartTimer, StopTimer
from functions.reconcile.group_rules import decide
from functions.reconcile.processes import LEFT_SECONDS, TIMER
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import BROKEN, NOW, function_harness, rows, slot, snapshot

EVERY = SUSPENDED_BY_UPDATES
LONG_AGO = {TIMER: NOW - LEFT_SECONDS}


def seen(*suspended: str, pool: tuple[str, ...] = (), **changes: Any) -> Snapshot:
    """A slot and a pool in which these processes are suspended."""
    groups = Groups(
        (),
        (replace(slot(0, desired=1), suspended=frozenset(suspended)),),
        (PoolGroup("general-group", "general", frozenset(pool)),),
    )
    return snapshot(**{"groups": Known(groups), "rows": rows(timers=LONG_AGO), **changes})


def resumed(found: Snapshot) -> list[tuple[str, frozenset[str]]]:
    return [(each.group, each.processes) for each in decide(found).actions if isinstance(each, ResumeProcesses)]


def test_what_an_update_has_left_suspended_is_resumed_on_slots_and_pools() -> None:
    assert resumed(seen(*EVERY, pool=EVERY)) == [("slot0", frozenset(EVERY)), ("general-group", frozenset(EVERY))]


def test_what_a_person_suspends_to_bring_stopped_members_back_stays_and_is_told() -> None:
    found = seen("HealthCheck", "ReplaceUnhealthy", pool=EVERY[1:])
    assert resumed(found) == []
    assert [each.name for each in decide(found).conditions] == [
        "ProcessesSuspended/slot-0",
        "ProcessesSuspended/pool-general",
    ]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("an update runs", {"root_status": Known("UPDATE_IN_PROGRESS")}),
        ("a rollback has failed", {"root_status": Known("UPDATE_ROLLBACK_FAILED")}),
        ("the root stack is unknown", {"root_status": BROKEN}),
        ("nobody has seen it before", {"rows": rows()}),
        ("it has not been so for ten minutes", {"rows": rows(timers={TIMER: NOW - LEFT_SECONDS + 1})}),
        ("another pass may run", {"lease": BROKEN}),
        ("the table is unknown", {"rows": BROKEN}),
    ],
)
def test_nothing_is_resumed_while(case: str, changes: dict[str, Any]) -> None:
    assert resumed(seen(*EVERY, **changes)) == [], case


def test_a_process_that_no_update_suspends_is_not_resumed_beside_one_that_it_does() -> None:
    assert resumed(seen("Launch", *EVERY)) == [("slot0", frozenset(EVERY))]


def test_what_somebody_else_has_suspended_is_told_with_the_command_that_resumes_it() -> None:
    found = decide(seen("Launch", "Terminate", *EVERY, pool=("Terminate",)))
    assert [(each.name, each.next_step) for each in found.conditions] == [
        (
            "ProcessesSuspended/slot-0",
            "aws autoscaling resume-processes --auto-scaling-group-name slot0 --scaling-processes Launch Terminate",
        ),
        (
            "ProcessesSuspended/pool-general",
            "aws autoscaling resume-processes --auto-scaling-group-name general-group --scaling-processes Terminate",
        ),
    ]


def test_it_is_told_during_an_update_too() -> None:
    found = decide(seen("Launch", root_status=Known("UPDATE_IN_PROGRESS")))
    assert [each.name for each in found.conditions] == ["ProcessesSuspended/slot-0"]


def test_the_ten_minutes_begin_anew_with_every_update() -> None:
    assert [type(each) for each in decide(seen(*EVERY, rows=rows())).actions] == [StartTimer]
    during = decide(seen(*EVERY, root_status=Known("UPDATE_IN_PROGRESS")))
    assert [type(each) for each in during.actions] == [StopTimer]


def test_a_pass_sees_to_three_groups_at_most() -> None:
    slots = tuple(replace(slot(each, desired=1), suspended=frozenset(EVERY)) for each in range(5))
    assert len(resumed(seen(groups=Known(Groups((), slots))))) == 3


def test_passes_time_it_in_the_table_and_resume_it() -> None:
    with function_harness() as there:
        there.groups.slots = {"slot0": replace(slot(0, desired=1), suspended=frozenset({*EVERY, "Launch"}))}
        there.call(SCHEDULE)
        assert there.item(f"timer#{TIMER}") == {"Id": f"timer#{TIMER}", "Since": NOW}
        there.moment += LEFT_SECONDS - 1
        there.call(SCHEDULE)
        assert ("resume", "slot0") not in there.groups.calls
        there.moment += 1
        assert there.call(SCHEDULE) == {"outcome": "done"}
        assert there.groups.slots["slot0"].suspended == {"Launch"}
        there.call(SCHEDULE)
        assert there.item(f"timer#{TIMER}") is None
        assert there.item("condition#ProcessesSuspended/slot-0") is not None
        there.groups.slots["slot0"] = slot(0, desired=1)
        there.call(SCHEDULE)
        assert there.item("condition#ProcessesSuspended/slot-0") is None
