"""What a pass decides while the cluster is being deleted."""

from __future__ import annotations

from typing import Any

import pytest

from coordination.conditions import Condition
from coordination.outcomes import Known, NoTable, Reading
from functions.reconcile.actions import (
    Action,
    AnswerTeardown,
    ClearCondition,
    CompleteHook,
    DismissTeardown,
    SetPhaseDeleting,
    Wait,
)
from functions.reconcile.decide import decide
from functions.reconcile.deletion import no_deletion
from tests.unit.functions.harness import BROKEN, NOW, instance, member, record, rows, snapshot, teardown

GOING = Known("DELETE_IN_PROGRESS")
DELETING = rows(record=record("deleting"))
DELETING_AND_ASKED = rows(record=record("deleting"), teardown=Known(teardown()))
LATE = rows(record=record("deleting"), teardown=Known(teardown(answer_by=NOW)))


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def reason_of_answer(actions: list[Action]) -> str:
    (answer,) = [action for action in actions if isinstance(action, AnswerTeardown)]
    return answer.reason


@pytest.mark.parametrize(
    "status",
    ["ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_FAILED"],
)
def test_a_root_that_goes_away_counts_as_deleting_and_the_phase_is_stored_first(status: str) -> None:
    voter = rows(members={"i-1": member("i-1", "voter")})
    actions = decide(snapshot(instance(), rows=voter, root_status=Known(status)))
    assert actions[0] == SetPhaseDeleting(f"the root stack is {status}")
    assert kinds(actions[1:]) == ["Heartbeat"]


@pytest.mark.parametrize(
    "status",
    [Known("UPDATE_ROLLBACK_IN_PROGRESS"), Known("UPDATE_ROLLBACK_FAILED"), Known("CREATE_FAILED"), BROKEN],
)
def test_any_other_state_of_the_root_is_no_deletion(status: Reading[str]) -> None:
    voter = rows(members={"i-1": member("i-1", "voter")})
    assert kinds(decide(snapshot(instance(), rows=voter, root_status=status))) == [
        "Heartbeat",
        "NoteHook",
        "SetCondition",
    ]


@pytest.mark.parametrize(
    "rows_before_the_phase",
    [rows(teardown=Known(teardown())), rows(record=Known(None), teardown=Known(teardown())), BROKEN],
    ids=["a ready cluster", "a cluster that was never founded", "a table that cannot be read"],
)
def test_no_hook_is_completed_before_the_phase_is_stored(rows_before_the_phase: Any) -> None:
    actions = decide(snapshot(instance(), rows=rows_before_the_phase, request=teardown(), root_status=GOING))
    assert kinds(actions) == ["SetPhaseDeleting", "Heartbeat", "Wait"]


def test_every_held_instance_goes_on_once_the_phase_is_stored() -> None:
    leaving = (
        instance("i-1"),
        instance("i-2", role="worker"),
        instance("i-3", role=""),
        instance("i-4", state="Pending:Wait"),
        instance("i-5", state="InService"),
    )
    members = {"i-1": member("i-1", "voter")}
    actions = decide(snapshot(*leaving, rows=rows(record("deleting"), members)))
    assert [action.instance.instance_id for action in actions if isinstance(action, CompleteHook)] == [
        "i-1",
        "i-2",
        "i-3",
        "i-4",
    ]
    assert kinds(actions) == ["CompleteHook"] * 4


def test_cloudformation_does_not_wait_for_instances_that_are_still_launching() -> None:
    launching = instance(state="Pending:Wait")
    assert kinds(decide(snapshot(launching, rows=DELETING, request=teardown()))) == ["CompleteHook", "AnswerTeardown"]


def test_an_unknown_lease_does_not_stop_a_deletion() -> None:
    assert kinds(decide(snapshot(instance(), rows=DELETING, lease=BROKEN))) == ["CompleteHook"]


def test_retained_instances_are_terminated() -> None:
    actions = decide(snapshot(instance(state="Terminating:Retained"), rows=DELETING))
    assert kinds(actions) == ["TerminateRetained"]


def test_a_cluster_without_table_can_be_deleted_since_nobody_can_found_one_either() -> None:
    gone = NoTable("the table does not exist")
    assert kinds(decide(snapshot(instance(), rows=gone, root_status=GOING))) == ["CompleteHook"]
    assert kinds(decide(snapshot(rows=gone, lease=gone, request=teardown(), root_status=GOING))) == ["AnswerTeardown"]
    assert kinds(decide(snapshot(instance(), rows=gone, root_status=Known("UPDATE_COMPLETE")))) == ["Heartbeat"]


def test_conditions_about_held_instances_are_cleared() -> None:
    stored = Condition("RemovalWaits/i-1", "a reason", "a step", NOW)
    actions = decide(snapshot(rows=rows(record("deleting"), conditions={stored.name: stored})))
    assert [action.condition for action in actions if isinstance(action, ClearCondition)] == [stored]


def test_cloudformation_is_answered_when_nothing_is_left() -> None:
    running = instance(state="InService")
    actions = decide(snapshot(running, rows=DELETING_AND_ASKED))
    assert actions == [AnswerTeardown(teardown(), "nothing holds the deletion any more")]


@pytest.mark.parametrize("state", ["Terminating:Wait", "Terminating:Retained"])
def test_cloudformation_waits_while_an_instance_is_left_and_the_log_names_it(state: str) -> None:
    actions = decide(snapshot(instance(state=state), rows=DELETING_AND_ASKED))
    assert actions[-1] == Wait(teardown().physical_id, f"left: i-1 ({state} in slot0)")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rows": LATE}, "i-1 (Terminating:Wait in slot0)"),
        ({"rows": LATE, "groups": BROKEN}, f"the groups are unknown ({BROKEN.reason})"),
        ({"rows": BROKEN, "request": teardown(answer_by=NOW), "root_status": GOING}, "the phase is not stored yet"),
    ],
    ids=["an instance that stays", "groups that cannot be read", "a table that cannot be read"],
)
def test_cloudformation_is_answered_at_the_deadline_all_the_same(changes: dict[str, Any], named: str) -> None:
    assert reason_of_answer(decide(snapshot(instance(), **changes))) == f"time is up; left: {named}"


def test_groups_that_cannot_be_read_hold_the_answer_until_the_deadline() -> None:
    assert kinds(decide(snapshot(groups=BROKEN, rows=DELETING_AND_ASKED))) == ["Wait", "Wait"]


def test_the_request_of_this_event_comes_before_a_stored_one() -> None:
    old = rows(record("deleting"), teardown=Known(teardown(url="https://old")))
    (answer,) = decide(snapshot(rows=old, request=teardown(url="https://new")))
    assert isinstance(answer, AnswerTeardown)
    assert answer.teardown.response_url == "https://new"


ASKED = pytest.mark.parametrize(
    "asked",
    [{"request": teardown()}, {"rows": rows(teardown=Known(teardown()))}],
    ids=["by this very event", "before"],
)


@ASKED
@pytest.mark.parametrize("groups", [{}, {"groups": BROKEN}], ids=["known groups", "unknown groups"])
def test_a_request_is_dismissed_while_the_root_stack_is_not_being_deleted(
    asked: dict[str, Any], groups: dict[str, Any]
) -> None:
    dismissal = DismissTeardown(teardown(), no_deletion("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    root = Known("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    without = decide(snapshot(instance(state="InService"), root_status=root, **groups))
    assert decide(snapshot(instance(state="InService"), root_status=root, **groups, **asked)) == [*without, dismissal]


@ASKED
@pytest.mark.parametrize("groups", [{}, {"groups": BROKEN}], ids=["known groups", "unknown groups"])
def test_a_request_waits_while_the_status_of_the_root_stack_is_unknown(
    asked: dict[str, Any], groups: dict[str, Any]
) -> None:
    wait = Wait(teardown().physical_id, "whether the root stack is being deleted is unknown")
    without = decide(snapshot(instance(), root_status=BROKEN, **groups))
    assert decide(snapshot(instance(), root_status=BROKEN, **groups, **asked)) == [*without, wait]


def test_a_request_that_is_due_is_answered_though_nobody_knows_and_says_nothing_of_what_could_not_be_read() -> None:
    due = rows(teardown=Known(teardown(answer_by=NOW)))
    actions = decide(snapshot(instance(), root_status=BROKEN, groups=BROKEN, rows=due))
    said = "time is up; whether the root stack is being deleted is unknown, and nothing was done"
    assert reason_of_answer(actions) == said
    assert kinds(actions) == ["Wait", "AnswerTeardown"]


def test_a_deletion_that_is_stored_goes_on_whatever_the_root_stack_is_read_as() -> None:
    for status in (BROKEN, Known("CREATE_COMPLETE")):
        actions = decide(snapshot(instance(), rows=DELETING_AND_ASKED, root_status=status))
        assert kinds(actions) == ["CompleteHook", "Wait"]


def test_a_stored_request_that_cannot_be_understood_does_not_stop_the_deletion() -> None:
    odd = rows(record("deleting"), teardown=BROKEN)
    assert kinds(decide(snapshot(instance(), rows=odd))) == ["CompleteHook"]
