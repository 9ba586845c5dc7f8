"""The Node objects of terminated instances."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from coordination.outcomes import Done, Known, Reading, Unknown
from tests.unit.userdata.agent.looks import NOW
from userdata.agent.stale_nodes import StaleNodes
from userdata.kube.client import Api
from userdata.kube.outcomes import Forbidden, NotFound
from userdata.kube.resources import NODES, Object, Resource
from userdata.logs.lines import StageFailed

HOUR = 3600


def node(name: str, *, hours: int = 3, ready: bool = False) -> Object:
    """A Node as the API server has it, made so many hours before NOW."""
    made = datetime.fromtimestamp(NOW - hours * HOUR, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]}
    return {"metadata": {"name": name, "creationTimestamp": made}, "status": status}


class World:
    """An API server with Nodes, which is a stand-in, and what EC2 says of their instances."""

    def __init__(self, *nodes: Object, **states: str | None) -> None:
        self.nodes = {str(each["metadata"]["name"]): each for each in nodes}
        self.states: Reading[Mapping[str, str | None]] = Known(
            {name.replace("_", "-"): state for name, state in states.items()}
        )
        self.listed: Any = None
        self.refusals: dict[str, Any] = {}
        self.now = float(NOW)
        self.beats = 0
        self.task = StaleNodes(cast(Api, self), self._of, self._beat, lambda: self.now)

    def list(self, resource: Resource, namespace: str = "", **selectors: str) -> Any:
        assert resource == NODES
        return self.listed or Known(tuple(self.nodes.values()))

    def delete(self, resource: Resource, name: str, namespace: str = "", *, uid: str = "") -> Any:
        assert resource == NODES
        if name in self.refusals:
            return self.refusals[name]
        del self.nodes[name]
        return Done()

    def _of(self, asked: Collection[str]) -> Reading[Mapping[str, str | None]]:
        if isinstance(self.states, Unknown):
            return self.states
        return Known({name: state for name, state in self.states.value.items() if name in asked})

    def _beat(self) -> None:
        self.beats += 1


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize("hours", [0, 3])
def test_the_node_of_a_terminated_instance_is_deleted_at_once(ready: bool, hours: int) -> None:
    world = World(node("i-1", ready=ready, hours=hours), node("i-2"), i_1="terminated", i_2="running")
    assert world.task.run() == "deleted the Nodes of terminated instances: i-1"
    assert set(world.nodes) == {"i-2"}
    assert world.task.run() == ""


@pytest.mark.parametrize("state", ["pending", "running", "shutting-down", "stopping", "stopped"])
def test_the_node_of_an_instance_that_may_come_back_stays(state: str) -> None:
    world = World(node("i-1"), i_1=state)
    assert (world.task.run(), set(world.nodes)) == ("", {"i-1"})


def test_the_node_of_an_instance_that_ec2_knows_no_more_is_deleted_once_that_was_seen_for_a_minute() -> None:
    world = World(node("i-1"), i_1=None)
    for moment in (0, 59):
        world.now = NOW + moment
        assert world.task.run() == ""
    world.now = NOW + 60.0
    assert world.task.run() == "deleted the Nodes of terminated instances: i-1"


def test_one_that_ec2_knew_in_between_is_looked_at_anew() -> None:
    world = World(node("i-1"), i_1=None)
    world.task.run()
    world.states = Known({"i-1": "running"})
    world.now = NOW + 30.0
    world.task.run()
    world.states = Known({"i-1": None})
    for moment in (60.0, 119.0):
        world.now = NOW + moment
        assert world.task.run() == ""
    world.now = NOW + 120.0
    assert world.task.run() != ""


@pytest.mark.parametrize("kept", [node("i-1", hours=1), node("i-1", ready=True)], ids=["young", "ready"])
def test_the_node_of_an_unknown_instance_stays_while_it_is_young_or_ready(kept: Object) -> None:
    world = World(kept, i_1=None)
    for moment in (0.0, 60.0):
        world.now = NOW + moment
        assert world.task.run() == ""


def test_nothing_is_deleted_of_which_ec2_said_nothing() -> None:
    world = World(node("i-1"))
    for moment in (0.0, 600.0):
        world.now = NOW + moment
        assert world.task.run() == ""
    world.states = Unknown("throttled")
    with pytest.raises(StageFailed, match="throttled"):
        world.task.run()
    assert set(world.nodes) == {"i-1"}


def test_nodes_that_cannot_be_listed_are_told() -> None:
    world = World(node("i-1"), i_1="terminated")
    world.listed = Unknown("list nodes: no answer")
    with pytest.raises(StageFailed, match="list nodes: no answer"):
        world.task.run()
    assert set(world.nodes) == {"i-1"}


def test_one_that_cannot_be_deleted_keeps_no_other_and_one_that_is_gone_is_no_trouble() -> None:
    world = World(*(node(f"i-{number}") for number in (1, 2, 3)), i_1="terminated", i_2="terminated", i_3="terminated")
    world.refusals = {"i-1": Forbidden("not you"), "i-2": NotFound("none")}
    with pytest.raises(StageFailed, match=r"deleted the Nodes of terminated instances: i-3; not you$"):
        world.task.run()
    assert set(world.nodes) == {"i-1", "i-2"}
    assert world.beats == 3


def test_only_the_leader_looks() -> None:
    assert World().task.task().leader_only
