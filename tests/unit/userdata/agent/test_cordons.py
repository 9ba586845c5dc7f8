"""The cordon of a drain that has ended is taken back where its instance serves; a person's never is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import pytest

from coordination.instances import GroupInstance
from coordination.operations import Operation, OperationKind, OperationState
from coordination.outcomes import Done, Known, Reading, Unknown
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent.cordons import Cordons
from userdata.kube.client import Api
from userdata.kube.drain import drain_step
from userdata.kube.outcomes import ApiConflict, Forbidden, NotFound
from userdata.kube.resources import NODES, PODS, Object, Resource
from userdata.logs.lines import StageFailed

RUNS = Operation("1-7", OperationKind.REMOVE, "i-1", "10", 1, OperationState.ACCEPTED, 1_800_000_000)


class Nodes:
    """An API server with Nodes, which is a stand-in: it merges as the real one does, and counts versions."""

    def __init__(self, *names: str) -> None:
        self.nodes: dict[str, Any] = {
            name: {"metadata": {"name": name, "resourceVersion": "1", "annotations": None}, "spec": {}}
            for name in names
        }
        self.listed: Any = None
        self.refusals: dict[str, Any] = {}

    def list(self, resource: Resource, namespace: str = "", **selectors: str) -> Any:
        if resource == PODS:
            return Known(())
        assert resource == NODES
        return self.listed or Known(tuple(self.nodes.values()))

    def get(self, resource: Resource, name: str, namespace: str = "") -> Any:
        assert resource == NODES
        return Known(self.nodes[name])

    def merge(self, resource: Resource, name: str, changes: Object, namespace: str = "") -> Any:
        assert resource == NODES
        if name in self.refusals:
            return self.refusals[name]
        node = self.nodes[name]
        version = node["metadata"]["resourceVersion"]
        if changes["metadata"].get("resourceVersion", version) != version:
            return ApiConflict("the object has been modified")
        annotations = {**(node["metadata"]["annotations"] or {}), **changes["metadata"]["annotations"]}
        kept = {key: value for key, value in annotations.items() if value is not None}
        spec = {key: value for key, value in {**node["spec"], **changes["spec"]}.items() if value is not None}
        head = {"name": name, "resourceVersion": version + "0", "annotations": kept}
        self.nodes[name] = {"metadata": head, "spec": spec}
        return Done()

    def cordon(self, name: str, cordoned: bool = True) -> None:
        """As a person does it."""
        self.nodes[name] = {**self.nodes[name], "spec": {"unschedulable": True} if cordoned else {}}

    @property
    def cordoned(self) -> Sequence[str]:
        return [name for name, node in self.nodes.items() if node["spec"].get("unschedulable")]


class World:
    """Nodes of which `drained` were drained, in service but for `states`."""

    def __init__(self, *drained: str, **states: str) -> None:
        self.api = Nodes("i-1", "i-2", "i-3")
        self.table = MemoryTable()
        self.lifecycles = {"i-1": "InService", "i-2": "InService", "i-3": "InService"}
        self.lifecycles.update({name.replace("_", "-"): state for name, state in states.items()})
        self.unseen: Unknown | None = None
        self.beats = 0
        for name in drained:
            drain_step(cast(Api, self.api), name)
        self.task = Cordons(cast(Api, self.api), self.table, self._instances, self._beat)

    def look(self) -> tuple[str, Sequence[str]]:
        """What a run says, and which Nodes are cordoned after it."""
        return self.task.run(), self.api.cordoned

    def _instances(self) -> Reading[Collection[GroupInstance]]:
        found = [GroupInstance(name, "slot", "control-plane", state) for name, state in self.lifecycles.items()]
        return self.unseen or Known(found)

    def _beat(self) -> None:
        self.beats += 1


def test_a_node_that_serves_after_its_drain_is_uncordoned_once() -> None:
    world = World("i-1")
    assert world.api.cordoned == ["i-1"]
    assert world.look() == ("uncordoned what serves after its drain: i-1", [])
    assert world.look() == ("", [])
    assert world.beats == 1


@pytest.mark.parametrize(
    "state", ["Terminating:Wait", "Terminating", "Terminating:Retained", "Standby", "Pending:Wait"]
)
def test_one_whose_instance_is_not_in_service_stays_cordoned(state: str) -> None:
    assert World("i-1", i_1=state).look() == ("", ["i-1"])


def test_one_whose_instance_is_in_no_group_stays_cordoned() -> None:
    world = World("i-1")
    del world.lifecycles["i-1"]
    assert world.look() == ("", ["i-1"])


@pytest.mark.parametrize(
    ("rule", "fields", "cordoned"),
    [
        ("while an operation drains it, it stays cordoned", {}, ["i-1"]),
        ("once that was vetoed it is not", {"Outcome": "vetoed", "EndedAt": 1_800_000_000}, []),
        ("an operation on another node keeps nobody cordoned", {"TargetInstance": "i-2"}, []),
    ],
)
def test_an_operation(rule: str, fields: dict[str, object], cordoned: list[str]) -> None:
    world = World("i-1")
    world.table.store({**RUNS.item(), **fields})
    assert world.look()[1] == cordoned, rule


def test_a_persons_cordon_stays() -> None:
    world = World()
    world.api.cordon("i-1")
    # A drain that finds it cordoned has not cordoned it.
    drain_step(cast(Api, world.api), "i-1")
    assert world.look() == ("", ["i-1"])


def test_a_cordon_that_a_person_took_back_is_forgotten_so_that_the_next_one_is_theirs() -> None:
    world = World("i-1")
    world.api.cordon("i-1", cordoned=False)
    world.look()
    world.api.cordon("i-1")
    assert world.look() == ("", ["i-1"])


def test_nothing_is_asked_for_while_no_node_was_drained() -> None:
    world = World()
    world.unseen = Unknown("throttled")
    assert world.look() == ("", [])
    assert world.table.calls == []


def test_nothing_is_taken_back_while_anything_is_unknown() -> None:
    for broken in ("nodes", "operation", "instances"):
        world = World("i-1")
        if broken == "nodes":
            world.api.listed = Unknown("no answer")
        elif broken == "operation":
            world.table.fate = lambda call: Fate.LOST
        else:
            world.unseen = Unknown("throttled")
        with pytest.raises(StageFailed):
            world.task.run()
        assert world.api.cordoned == ["i-1"]


def test_one_that_cannot_be_changed_keeps_no_other_and_one_that_has_changed_is_left_to_the_next_run() -> None:
    world = World("i-1", "i-2", "i-3")
    world.api.refusals = {"i-1": Forbidden("not you"), "i-2": NotFound("none")}
    with pytest.raises(StageFailed, match=r"^uncordoned what serves after its drain: i-3; not you$"):
        world.task.run()
    assert world.beats == 3


def test_one_that_has_changed_since_it_was_listed_is_left_to_the_next_run() -> None:
    world = World("i-1")
    world.api.listed = Known((world.api.nodes["i-1"],))
    world.api.merge(NODES, "i-1", {"metadata": {"annotations": {"theirs": "1"}}, "spec": {}})
    assert world.look() == ("", ["i-1"])
    world.api.listed = None
    assert world.look()[1] == []


def test_only_the_leader_looks() -> None:
    assert World().task.task().leader_only
