"""Nodes say their pools by Auto Scaling's word, and have their pools' taints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from coordination.instances import GroupInstance, Groups, PoolGroup
from coordination.names import POOL_LABEL
from coordination.outcomes import Done, Known, Reading, Unknown
from tests.unit.userdata.agent.looks import NOW
from userdata.agent.pool_marks import NEW_SECONDS, NO_INSTANCE, PoolMarks, marks
from userdata.config.settings import InvalidSettings, PoolSettings
from userdata.config.ssm import ReadPool
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiConflict, Forbidden
from userdata.kube.resources import NODES, Object, Resource
from userdata.kubeadm.node import Taint
from userdata.logs.lines import StageFailed

DEDICATED = Taint("dedicated", "NoSchedule", "memory")
STARTUP = Taint("ebs.csi.aws.com/agent-not-ready", "NoExecute")
OTHER = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
GROUPS = Groups(
    (
        GroupInstance("i-1", "general-group", "worker", "InService"),
        GroupInstance("i-2", "memory-group", "worker", "InService"),
        GroupInstance("i-3", "slot", "control-plane", "InService", "0"),
    ),
    (),
    (PoolGroup("general-group", "general"), PoolGroup("memory-group", "memory")),
)
SETTINGS: Mapping[str, ReadPool] = {
    "general": Known(PoolSettings({}, (), (), "stack", "Group")),
    "memory": Known(PoolSettings({}, (DEDICATED,), (STARTUP,), "stack", "Group")),
}


def node(name: str, label: str = "", *taints: Mapping[str, str], age: float = 1.0) -> Object:
    made = datetime.fromtimestamp(NOW - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {POOL_LABEL: label} if label else {"claims": "anything"}
    head = {"name": name, "creationTimestamp": made, "resourceVersion": "7", "labels": labels}
    return {"metadata": head, "spec": {"taints": [dict(each) for each in taints]} if taints else {}}


class World:
    """An API server with Nodes, which is a stand-in, and what was changed of them."""

    def __init__(self, *nodes: Object) -> None:
        self.nodes = nodes
        self.groups: Reading[Groups] = Known(GROUPS)
        self.settings = dict(SETTINGS)
        self.asked: list[str] = []
        self.changed: dict[str, Any] = {}
        self.refusal: Any = None
        self.states: dict[str, str | None] = {"i-9": "running"}
        self.task = PoolMarks(
            cast(Api, self), lambda: self.groups, self._settings, self._states, lambda: None, lambda: float(NOW)
        )

    def list(self, resource: Resource) -> Any:
        assert resource == NODES
        return Known(self.nodes)

    def merge(self, resource: Resource, name: str, changes: Object) -> Any:
        assert resource == NODES
        if self.refusal is None:
            self.changed[name] = changes
        return self.refusal or Done()

    def _states(self, names: Collection[str]) -> Reading[Mapping[str, str | None]]:
        assert {*names} & {"i-1", "i-2", "i-3"} == set()
        return Known({name: self.states.get(name) for name in names})

    def _settings(self, pool: str) -> ReadPool:
        self.asked.append(pool)
        return self.settings[pool]


def test_a_worker_gets_its_pools_label_and_taints_and_a_control_plane_none() -> None:
    world = World(node("i-1"), node("i-2", "", OTHER), node("i-3"))
    assert world.task.run() == "marked i-1 as general, i-2 as memory"
    assert world.changed == {
        "i-1": {"metadata": {"labels": {POOL_LABEL: "general"}, "resourceVersion": "7"}},
        "i-2": {
            "metadata": {"labels": {POOL_LABEL: "memory"}, "resourceVersion": "7"},
            "spec": {"taints": [OTHER, {"key": "dedicated", "effect": "NoSchedule", "value": "memory"}]},
        },
    }


def test_a_startup_taint_that_its_driver_has_removed_is_not_put_back() -> None:
    own = {"key": DEDICATED.key, "effect": DEDICATED.effect, "value": DEDICATED.value}
    world = World(node("i-2", "memory", own, age=30.0))
    assert world.task.run() == ""
    assert world.changed == {}


def test_what_is_marked_is_left_alone() -> None:
    taint = {"key": "dedicated", "effect": "NoSchedule", "value": "memory"}
    world = World(node("i-1", "general"), node("i-2", "memory", taint))
    assert world.task.run() == ""
    assert world.changed == {}


def test_a_label_of_another_pool_and_one_of_no_pool_is_taken_back() -> None:
    world = World(node("i-1", "memory"), node("i-3", "general"), node("i-9", "general"))
    world.task.run()
    assert [each["metadata"]["labels"][POOL_LABEL] for each in world.changed.values()] == ["general", None, None]


def test_an_older_node_keeps_its_taints_as_they_are_and_nobody_is_asked_for_them() -> None:
    world = World(node("i-2", "memory", age=NEW_SECONDS + 1))
    assert world.task.run() == ""
    assert world.asked == []


def test_a_taint_of_the_same_key_and_effect_with_another_value_stays() -> None:
    taint = {"key": "dedicated", "effect": "NoSchedule", "value": "mine"}
    assert marks(node("i-2", "memory", taint), "memory", (DEDICATED,)) is None


def test_settings_are_read_once_for_all_nodes_of_a_pool() -> None:
    world = World(node("i-2"), node("i-2", "memory"), node("i-1"))
    world.task.run()
    assert sorted(world.asked) == ["general", "memory"]


@pytest.mark.parametrize("found", [Unknown("GetParameter: busy"), InvalidSettings(("taints is missing",))])
def test_a_pool_whose_settings_are_not_known_holds_no_other_up(found: ReadPool) -> None:
    world = World(node("i-2"), node("i-1"))
    world.settings["memory"] = found
    with pytest.raises(StageFailed, match=r"marked i-1 as general; (GetParameter: busy|taints is missing)"):
        world.task.run()
    assert world.changed.keys() == {"i-1"}


def test_a_node_that_has_changed_since_is_looked_at_again_and_a_refusal_is_said() -> None:
    world = World(node("i-1"))
    world.refusal = ApiConflict("changed")
    assert world.task.run() == ""
    world.refusal = Forbidden("patch nodes i-1: no")
    with pytest.raises(StageFailed, match="patch nodes i-1: no"):
        world.task.run()


def test_nothing_is_marked_while_auto_scaling_does_not_answer() -> None:
    world = World(node("i-1", "general"))
    world.groups = Unknown("DescribeAutoScalingGroups: busy")
    with pytest.raises(StageFailed, match="DescribeAutoScalingGroups: busy"):
        world.task.run()
    assert world.changed == {}


TAINT = {"key": NO_INSTANCE.key, "effect": "NoSchedule", "value": ""}


@pytest.mark.parametrize("state", [None, "terminated"])
def test_nothing_is_scheduled_onto_a_node_whose_instance_has_ended(state: str | None) -> None:
    world = World(node("i-9", "", OTHER), node("i-1", "general"))
    world.states["i-9"] = state
    assert world.task.run() == "marked i-9 as of no pool"
    assert world.changed == {"i-9": {"metadata": {"resourceVersion": "7"}, "spec": {"taints": [OTHER, TAINT]}}}
    world = World(node("i-9", "", OTHER, TAINT))
    world.states["i-9"] = state
    assert world.task.run() == ""


def test_a_detached_instance_lives_and_gets_its_node_back() -> None:
    world = World(node("i-9", "", TAINT, OTHER))
    world.task.run()
    assert world.changed == {"i-9": {"metadata": {"resourceVersion": "7"}, "spec": {"taints": [OTHER]}}}
    assert marks(node("i-9", "", OTHER), "", ()) is None
