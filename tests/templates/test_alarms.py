"""Which alarms go off, and when: from the lines that function and agents write, minute by minute.

The states are worked out as CloudWatch's user guide says ("Alarm evaluation", "Configuring how CloudWatch alarms treat
missing data"), for alarms all of whose periods have to be beyond the threshold. What Lambda, CloudWatch Logs and the
balancer measure is played.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from coordination.conditions import Condition
from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Known
from functions.reconcile import measures
from tests.templates.cluster import example
from tests.unit.functions.harness import BROKEN, NOW, UUID, instance, rows, snapshot

CLUSTER = example("default")
ALARMS = {each.logical_id: each.properties for each in CLUSTER.resources("AWS::CloudWatch::Alarm")}
HOUR = 60
Point = tuple[str, str]
Minute = Mapping[Point, float]
"""Namespace and name of what was measured in a minute, and the value."""
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}
_SUMMED: Mapping[str, Callable[[list[float]], float]] = {"Maximum": max, "Minimum": min, "Sum": sum}
AT_REST: Minute = {
    ("AWS/NetworkELB", "HealthyHostCount"): 3,
    ("AWS/Lambda", "Errors"): 0,
    ("AWS/Logs", "IncomingLogEvents"): 400,
}


@dataclass(frozen=True)
class State:
    """What the function finds in a pass."""

    leaving_since: int | None = None
    """How many minutes ago a hook began to hold slot 0's instance."""
    looked: int = 0
    """How many minutes ago the leading agent looked."""
    condition: bool = False
    table: bool = True
    """Whether the table can be read."""


def lines(state: State) -> list[str]:
    """The lines of the function's pass that finds this."""
    names = [f"i-{slot}" for slot in range(3)]
    members = {name: Known(Member(name, 1, MemberState.VOTER, name)) for name in names}
    instances = [instance(name, "InService", group=f"slot{slot}") for slot, name in enumerate(names)]
    if state.leaving_since is not None:
        since = NOW - 60 * state.leaving_since
        members["i-0"] = Known(replace(members["i-0"].value, hook_since=since))
        instances[0] = instance("i-0", "Terminating:Wait", group="slot0")
    conditions = {"RemovalWaits/i-0": Condition("RemovalWaits/i-0", "r", "n", NOW)} if state.condition else {}
    observation = Known(ClusterObservation(NOW - 60 * state.looked, "i-0", 1))
    found = rows(members=members, conditions=conditions, observation=observation) if state.table else BROKEN
    return measures.lines(UUID, snapshot(*instances, rows=found), 500.0, 9)


def written(state: State) -> Minute:
    """What CloudWatch makes of the lines, where the cluster's uuid is the only dimension."""
    found: dict[Point, float] = {}
    for line in lines(state):
        document = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            if directive["Dimensions"] == [["ClusterUuid"]]:
                found |= {
                    (directive["Namespace"], each["Name"]): document[each["Name"]] for each in directive["Metrics"]
                }
    return found


def gone_off(minutes: list[Minute]) -> dict[str, int]:
    """Alarms that went off -> after how many minutes."""
    states = {name: list(_states(alarm, minutes)) for name, alarm in ALARMS.items()}
    return {name: min(at for at, state in found if state) for name, found in states.items() if any(s for _, s in found)}


def _states(alarm: Mapping[str, Any], minutes: list[Minute]) -> Iterator[tuple[int, bool]]:
    length = alarm["Period"] // 60
    point = (alarm["Namespace"], alarm["MetricName"])
    is_beyond, threshold = _COMPARED[alarm["ComparisonOperator"]], alarm["Threshold"]
    periods: list[bool | None] = []
    state = False
    for begin in range(0, len(minutes) - length + 1, length):
        values = [each[point] for each in minutes[begin : begin + length] if point in each]
        periods.append(is_beyond(_SUMMED[alarm["Statistic"]](values), threshold) if values else None)
        looked_at = periods[-alarm["EvaluationPeriods"] :]
        if len(looked_at) < alarm["EvaluationPeriods"]:
            continue
        missing = {"breaching": True, "notBreaching": False, "ignore": None}[alarm["TreatMissingData"]]
        filled = [missing if each is None else each for each in looked_at]
        # Of what is ignored the last ones that are known count; where none is, the state stays.
        known = [each for each in filled if each is not None]
        state = all(known) if known else state
        yield begin + length, state


def passes(count: int, state: State = State(), **services: float | None) -> list[Minute]:
    """So many minutes with a pass in each; `services` are other values of what the services measure, None for none."""
    played = {point: services.get(point[1], value) for point, value in AT_REST.items()}
    kept = {point: value for point, value in played.items() if value is not None}
    return [{**written(state), **kept}] * count


def test_every_alarm_is_looked_at_here() -> None:
    assert ALARMS.keys() == {
        "ApiUnavailable",
        "AuditLogSilent",
        "ConditionsStored",
        "FunctionFails",
        "NoAgentLeads",
        "ReadingsUnknown",
        "SlotsNotWhole",
        "TerminationHeld",
    }


def test_a_cluster_at_rest_wakes_nobody() -> None:
    assert gone_off(passes(3 * HOUR)) == {}


def test_a_replacement_that_goes_well_wakes_nobody() -> None:
    leaving = [minute for age in range(12) for minute in passes(1, State(leaving_since=age))]
    assert gone_off([*passes(HOUR), *leaving, *passes(HOUR)]) == {}


@pytest.mark.parametrize(
    ("minutes", "alarms"),
    [
        pytest.param(passes(HOUR, State(condition=True)), {"ConditionsStored": 15}, id="a condition stays"),
        pytest.param(passes(10, State(condition=True)) + passes(HOUR), {}, id="a condition passes"),
        pytest.param(
            [minute for age in range(90) for minute in passes(1, State(leaving_since=age, condition=age > 15))],
            {"ConditionsStored": 30, "SlotsNotWhole": 30, "TerminationHeld": 65},
            id="a voter is held",
        ),
        pytest.param(
            [minute for age in range(HOUR) for minute in passes(1, State(looked=age))],
            {"NoAgentLeads": 15},
            id="no agent leads",
        ),
        pytest.param(
            passes(HOUR, State(table=False)),
            {"NoAgentLeads": 10, "ReadingsUnknown": 10, "SlotsNotWhole": 30},
            id="the table cannot be read",
        ),
        pytest.param(
            [{**AT_REST, ("AWS/Lambda", "Errors"): 1.0}] * HOUR,
            {"FunctionFails": 15, "NoAgentLeads": 10, "SlotsNotWhole": 30},
            id="every run of the function fails",
        ),
        pytest.param(
            [{("AWS/NetworkELB", "HealthyHostCount"): 3.0}] * HOUR,
            {"AuditLogSilent": 30, "NoAgentLeads": 10, "SlotsNotWhole": 30},
            id="nothing writes",
        ),
        pytest.param(passes(10, HealthyHostCount=0), {"ApiUnavailable": 3}, id="no control plane answers"),
        pytest.param(passes(10, HealthyHostCount=None), {"ApiUnavailable": 3}, id="no control plane is registered"),
        pytest.param(passes(2, HealthyHostCount=0) + passes(5), {}, id="no control plane answers for two minutes"),
        pytest.param(passes(HOUR, IncomingLogEvents=None), {"AuditLogSilent": 30}, id="no audit log comes"),
    ],
)
def test_alarms_go_off_after_so_many_minutes(minutes: list[Minute], alarms: dict[str, int]) -> None:
    assert gone_off(minutes) == alarms
