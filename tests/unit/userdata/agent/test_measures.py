"""What the leading agent's look tells CloudWatch of etcd."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from coordination.adapters.table import ClusterTable
from coordination.names import OBSERVATION_ITEM
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Known, Unknown
from tests.unit.coordination.conftest import NAME
from tests.unit.coordination.conftest import client as client  # a fixture
from tests.unit.coordination.test_metrics import UUID, valid
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, etcd_member, view
from tests.unit.userdata.agent.test_observe import World
from userdata.agent.observe import measures
from userdata.agent.observe.task import Observer
from userdata.logs.lines import StageFailed

FOURTH = etcd_member(4, learner=True)


@pytest.fixture
def world(client: Any) -> World:
    table = ClusterTable(client, NAME)
    for item in (RECORD.item(), *(each.item() for each in ROWS)):
        table.put(item, {})
    return World(table)


def measured(world: World) -> dict[str, Any]:
    """What one look's line says; the look may fail."""
    found: list[str] = []
    observer = world.observer()
    observer.cluster_uuid, observer.measured = UUID, found.append
    with contextlib.suppress(StageFailed):
        observer.observe()
    (line,) = found
    values = valid(line)
    names = {each["Name"] for each in values["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names <= {metric.name for metric in measures.ALL}
    return {name: values[name] for name in names}


def test_members_are_counted_by_what_they_are_and_whether_they_answer(world: World) -> None:
    world.etcd = Known(view(*THREE, FOURTH, problems={2: "it does not answer"}))
    assert measured(world) == {
        "Voters": 3,
        "VotersAnswering": 2,
        "VotersSilent": 1,
        "Learners": 1,
        "DatabaseSize": 1000,
    }


def test_a_voter_that_has_never_started_counts_as_one_that_does_not_answer(world: World) -> None:
    world.etcd = Known(view(*THREE, etcd_member(4, name="")))
    found = measured(world)
    assert (found["Voters"], found["VotersAnswering"], found["VotersSilent"], found["Learners"]) == (4, 3, 1, 0)


def test_the_time_since_the_last_observation_is_told_once_there_was_one(world: World) -> None:
    assert "LookInterval" not in measured(world)
    world.steady = 31.0
    assert measured(world)["LookInterval"] == 31


def test_of_an_etcd_that_cannot_be_seen_nothing_is_said(world: World) -> None:
    world.table.put(ClusterObservation(NOW - 300, "i-2", 2).item(), {})
    world.etcd = Unknown("member list: timed out")
    assert measured(world) == {"LookInterval": 300}


def test_a_clock_that_is_behind_anothers_makes_no_interval_below_nothing(world: World) -> None:
    world.table.put(replace(ClusterObservation(NOW + 5, "i-2", 2)).item(), {})
    assert measured(world)["LookInterval"] == 0
    assert world.item(OBSERVATION_ITEM) is not None


def test_an_observer_without_a_place_for_metrics_looks_all_the_same(world: World) -> None:
    assert Observer(world.observer().sources, world.table).observe() == ""
