"""What a pass tells CloudWatch of the cluster that it has found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation
from coordination.operations import Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Known
from functions.reconcile import measures
from functions.reconcile.measures import (
    HELD_HOOKS,
    OBSERVATION_AGE,
    OLDEST_HOOK,
    OPERATION_AGE,
    OPERATIONS,
    SLOTS_WHOLE,
    found,
)
from functions.reconcile.snapshot import Snapshot
from tests.unit.coordination.test_metrics import valid
from tests.unit.functions.events import SCHEDULE, lifecycle
from tests.unit.functions.harness import BROKEN, NOW, UUID, FunctionHarness, instance, record, rows, snapshot

OPERATION = Operation("one", OperationKind.REMOVE, "i-0", "10", 1, OperationState.REQUESTED, requested_at=NOW - 30)


def row(number: int, **changes: Any) -> Known[Member]:
    return Known(replace(Member(f"i-{number}", 1, MemberState.VOTER, str(number)), **changes))


def serving(number: int, state: str = "InService") -> GroupInstance:
    return instance(f"i-{number}", state, group=f"slot{number}")


THREE = {f"i-{number}": row(number) for number in range(3)}
SERVING = [serving(number) for number in range(3)]


def healthy(*instances: GroupInstance, members: dict[str, Any] | None = None, **table: Any) -> Snapshot:
    return snapshot(*(instances or SERVING), rows=rows(members=members or THREE, **table))


def test_a_cluster_at_rest() -> None:
    observation = Known(ClusterObservation(NOW - 12, "i-0", 1))
    assert found(healthy(observation=observation)) == {
        OPERATIONS: 0,
        OPERATION_AGE: 0,
        HELD_HOOKS: 0,
        OLDEST_HOOK: 0,
        SLOTS_WHOLE: 3,
        OBSERVATION_AGE: 12,
    }


def test_the_clock_of_the_node_that_looked_may_be_ahead() -> None:
    assert found(healthy(observation=Known(ClusterObservation(NOW + 3, "i-0", 1))))[OBSERVATION_AGE] == 0


def test_the_oldest_of_several_hooks_counts() -> None:
    members = {"i-0": row(0, hook_since=NOW - 90), "i-1": row(1, hook_since=NOW - 40), "i-2": row(2)}
    leaving = [serving(0, "Terminating:Wait"), serving(1, "Terminating:Wait"), serving(2)]
    measured = found(healthy(*leaving, members=members))
    assert (measured[HELD_HOOKS], measured[OLDEST_HOOK], measured[SLOTS_WHOLE]) == (2, 90, 1)


def test_the_age_of_a_hook_that_no_row_tells_is_not_known() -> None:
    measured = found(healthy(serving(0, "Terminating:Wait"), members={"i-1": row(1)}))
    assert (measured[HELD_HOOKS], measured[OLDEST_HOOK]) == (1, None)


@pytest.mark.parametrize(
    ("operation", "number", "age"),
    [
        (OPERATION, 1, 30),
        (replace(OPERATION, outcome=OperationOutcome.DONE, ended_at=NOW), 0, 0),
        (None, 0, 0),
    ],
)
def test_an_operation_flies_until_it_has_ended(operation: Operation | None, number: int, age: int) -> None:
    measured = found(healthy(operation=Known(operation)))
    assert (measured[OPERATIONS], measured[OPERATION_AGE]) == (number, age)


@pytest.mark.parametrize(
    "why",
    [
        row(0, state=MemberState.JOINING),
        row(0, epoch=0),
        row(0, silent_since=NOW - 1),
        BROKEN,
    ],
)
def test_a_slot_whose_instance_is_no_voter_that_answers_is_not_whole(why: Any) -> None:
    assert found(healthy(members={**THREE, "i-0": why}))[SLOTS_WHOLE] == 2


def test_a_slot_with_two_instances_is_not_whole() -> None:
    second = instance("i-9", "InService", group="slot0")
    assert found(healthy(*SERVING, second))[SLOTS_WHOLE] == 2


def test_what_could_not_be_read_is_left_out() -> None:
    held = serving(0, "Terminating:Wait")
    assert found(snapshot(held, rows=BROKEN)) == {HELD_HOOKS: 1}
    (line,) = measures.lines(UUID, snapshot(held, rows=BROKEN), 1, 1)
    assert "Conditions" not in valid(line)
    without_groups = found(replace(healthy(), groups=BROKEN))
    assert {HELD_HOOKS, OLDEST_HOOK, SLOTS_WHOLE}.isdisjoint(without_groups)
    assert OPERATIONS not in found(healthy(operation=BROKEN))
    assert found(healthy(record=BROKEN))[SLOTS_WHOLE] is None
    assert found(healthy(record=record(epoch=2)))[SLOTS_WHOLE] == 0


def test_a_pass_says_what_it_took_and_how_much_was_unknown() -> None:
    condition = Condition("RemovalWaits/i-0", "why", "what", NOW)
    table = rows(members={**THREE, "i-2": BROKEN}, conditions={condition.name: condition}, operation=BROKEN)
    whole, by_class = measures.lines(UUID, snapshot(*SERVING, rows=table), 812.0, 9)
    line = valid(whole)
    assert (line["PassDuration"], line["AwsCalls"], line["UnknownReadings"], line["Conditions"]) == (812.0, 9, 2, 1)
    assert (valid(by_class)["Condition"], valid(by_class)["Conditions"]) == ("RemovalWaits", 1)
    assert "i-0" not in whole + by_class


def test_the_names_are_told_apart() -> None:
    assert len({metric.name for metric in measures.ALL}) == len(measures.ALL)


def test_a_call_prints_the_metrics_of_its_pass_and_one_line_of_its_own(
    there: FunctionHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    there.call(lifecycle())
    measured, own = capsys.readouterr().out.splitlines()
    assert (valid(measured)["HeldHooks"], valid(measured)["ClusterUuid"]) == (1, UUID)
    assert "AwsCalls" not in measured, "nobody counts calls here"
    assert json.loads(own)["message"] == "reconcile"
    told = {each["Name"] for each in valid(measured)["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert told <= {metric.name for metric in measures.ALL}


def test_a_call_that_finds_another_pass_running_has_nothing_to_measure(
    there: FunctionHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    there.store(lease__function={"Owner": "other", "StartedAt": NOW - 10, "Fence": 1})
    there.call(SCHEDULE)
    (own,) = capsys.readouterr().out.splitlines()
    assert "_aws" not in json.loads(own)
