"""The leading agent tells a pool's stack of its new nodes, once each, and of nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from coordination.instances import GroupInstance, Groups, PoolGroup
from coordination.names import SIGNALLED_LABEL
from coordination.outcomes import Done, Known, NoOp, Reading, Request, Throttled, Unknown
from tests.unit.userdata.agent.looks import NOW
from userdata.agent.pool_signals import AT_ONCE, OLD_SECONDS, PoolSignals
from userdata.config.settings import InvalidSettings, PoolSettings
from userdata.config.ssm import ReadPool
from userdata.kube.client import Api
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import NODES, Object, Resource
from userdata.logs.lines import StageFailed

GENERAL, MEMORY = PoolGroup("general-group", "general"), PoolGroup("memory-group", "memory")


def worker(name: str, group: PoolGroup = GENERAL) -> GroupInstance:
    return GroupInstance(name, group.name, "worker", "InService")


def node(name: str, *, ready: bool = True, age: float = 1.0) -> Object:
    made = datetime.fromtimestamp(NOW - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name, "creationTimestamp": made}, "status": {"conditions": conditions}}


class World:
    """An API server with Nodes, groups, and stacks; all are stand-ins. Outcomes are by stack."""

    def __init__(self) -> None:
        self.nodes: list[Object] = []
        self.instances: list[GroupInstance] = []
        self.unseen: Unknown | None = None
        self.settings: dict[str, ReadPool] = {
            pool: Known(PoolSettings({}, (), (), f"stack-{pool}", "Group")) for pool in ("general", "memory")
        }
        self.outcomes: dict[str, Request] = {}
        self.signals: list[tuple[str, str, str]] = []
        self.unmarked: Unknown | NotFound | None = None
        self.lists = 0
        self.agent = self.leader()

    def leader(self) -> PoolSignals:
        return PoolSignals(
            cast(Api, self),
            self._groups,
            lambda pool: self.settings[pool],
            self._signal,
            lambda: None,
            lambda: float(NOW),
        )

    def list(self, resource: Resource) -> Any:
        assert resource == NODES
        self.lists += 1
        return self.unseen or Known(tuple(self.nodes))

    def merge(self, resource: Resource, name: str, changes: Object) -> Any:
        assert resource == NODES
        if self.unmarked is None:
            (found,) = (node for node in self.nodes if node["metadata"]["name"] == name)
            found["metadata"].setdefault("labels", {}).update(changes["metadata"]["labels"])
        return self.unmarked or Done()

    def _groups(self) -> Reading[Groups]:
        return Known(Groups(tuple(self.instances), (), (GENERAL, MEMORY)))

    def _signal(self, stack: str, resource: str, instance_id: str) -> Request:
        self.signals.append((stack, resource, instance_id))
        return self.outcomes.get(stack, Done())


@pytest.fixture
def world() -> World:
    return World()


def test_a_ready_worker_is_told_of_once_to_the_stack_of_its_own_pool(world: World) -> None:
    world.instances = [worker("i-1"), worker("i-2", MEMORY)]
    world.nodes = [node("i-1"), node("i-2")]
    assert world.agent.run() == "told of i-1, i-2"
    assert world.agent.run() == ""
    assert world.signals == [("stack-general", "Group", "i-1"), ("stack-memory", "Group", "i-2")]


def test_while_everybody_was_told_of_no_node_is_read(world: World) -> None:
    world.instances, world.nodes = [worker("i-1")], [node("i-1")]
    world.agent.run()
    world.agent.run()
    assert world.lists == 1


def test_nobody_is_told_of_before_the_node_is_ready(world: World) -> None:
    world.instances, world.nodes = [worker("i-1")], [node("i-1", ready=False)]
    assert (world.agent.run(), world.signals) == ("", [])
    world.nodes = [node("i-1")]
    assert world.agent.run() == "told of i-1"


def test_a_node_from_before_an_update_is_told_of_to_nobody(world: World) -> None:
    """The stack would count it in the place of one that the update has launched."""
    world.instances = [replace(worker("i-1"), is_current=False), worker("i-2")]
    world.nodes = [node("i-1"), node("i-2")]
    assert world.agent.run() == "told of i-2"
    assert world.leader().run() == ""
    assert {name for *_, name in world.signals} == {"i-2"}


@pytest.mark.parametrize(
    "instance", [None, GroupInstance("i-1", "slot", "control-plane", "InService", "0")], ids=["nobody's", "a slot's"]
)
def test_a_node_whose_instance_no_pool_has_is_told_of_to_nobody(world: World, instance: GroupInstance | None) -> None:
    world.instances = [worker("i-9"), *([instance] if instance else [])]
    world.nodes = [node("i-1")]
    world.agent.run()
    assert world.signals == []


def test_a_stack_that_does_not_wait_is_asked_once(world: World) -> None:
    world.instances, world.nodes = [worker("i-1")], [node("i-1")]
    world.outcomes = {"stack-general": NoOp("it does not wait")}
    assert (world.agent.run(), world.agent.run(), len(world.signals)) == ("", "", 1)


def test_a_node_that_was_made_an_hour_ago_is_told_of_to_nobody(world: World) -> None:
    world.instances = [worker("i-1"), worker("i-2")]
    world.nodes = [node("i-1", age=OLD_SECONDS + 1), node("i-2", age=OLD_SECONDS - 1)]
    assert world.agent.run() == "told of i-2"


@pytest.mark.parametrize("outcome", [Unknown("no answer"), Throttled("later")])
def test_a_stack_that_cannot_be_told_is_told_later_and_holds_up_no_other_pool(world: World, outcome: Unknown) -> None:
    world.instances = [worker("i-1"), worker("i-2"), worker("i-3", MEMORY)]
    world.nodes = [node("i-1"), node("i-2"), node("i-3")]
    world.outcomes = {"stack-general": outcome}
    with pytest.raises(StageFailed, match=f"told of i-3; {outcome.reason}"):
        world.agent.run()
    # Of a stack that gives no answer a run asks once.
    assert [instance for _, _, instance in world.signals] == ["i-1", "i-3"]
    world.outcomes = {}
    assert world.agent.run() == "told of i-1, i-2"


def test_settings_that_cannot_be_read_are_read_later(world: World) -> None:
    world.instances, world.nodes = [worker("i-1")], [node("i-1")]
    good = world.settings["general"]
    for bad in (Unknown("GetParameter: no answer"), InvalidSettings(("no stack",))):
        world.settings["general"] = bad
        with pytest.raises(StageFailed, match=r"no answer|no stack"):
            world.agent.run()
    world.settings["general"] = good
    assert world.agent.run() == "told of i-1"


def test_an_api_server_that_cannot_be_asked_is_no_empty_answer(world: World) -> None:
    world.instances, world.nodes, world.unseen = [worker("i-1")], [node("i-1")], Unknown("no answer")
    with pytest.raises(StageFailed, match="no answer"):
        world.agent.run()
    world.unseen = None
    assert world.agent.run() == "told of i-1"


def test_after_a_rollback_the_next_leader_tells_of_no_node_that_the_update_has_left(world: World) -> None:
    """The rollback waits for instances of the former version, which that node is of; its stack was told of it once."""
    world.instances, world.nodes = [worker("i-1")], [node("i-1")]
    assert world.agent.run() == "told of i-1"
    world.instances = [replace(worker("i-1"), is_current=False)]
    assert world.leader().run() == ""
    world.instances = [worker("i-1"), worker("i-2")]
    world.nodes.append(node("i-2"))
    assert world.leader().run() == "told of i-2"


@pytest.mark.parametrize("outcome", [Done(), NoOp("it does not wait")])
def test_of_a_node_that_could_not_be_marked_its_stack_is_told_again_by_the_same_name(
    world: World, outcome: Request
) -> None:
    """CloudFormation counts an instance once."""
    world.instances, world.nodes, world.unmarked = [worker("i-1")], [node("i-1")], Unknown("patch nodes i-1: no answer")
    world.outcomes = {"stack-general": outcome}
    with pytest.raises(StageFailed, match="patch nodes i-1: no answer"):
        world.agent.run()
    world.unmarked = None
    world.leader().run()
    world.leader().run()
    assert world.signals == [("stack-general", "Group", "i-1")] * 2
    assert SIGNALLED_LABEL in world.nodes[0]["metadata"]["labels"]


def test_a_node_that_its_stack_was_not_told_of_has_no_mark(world: World) -> None:
    world.instances, world.nodes = [worker("i-1")], [node("i-1")]
    world.outcomes = {"stack-general": Unknown("no answer")}
    with pytest.raises(StageFailed):
        world.agent.run()
    assert "labels" not in world.nodes[0]["metadata"]


def test_a_node_that_is_gone_meanwhile_needs_no_mark(world: World) -> None:
    world.instances, world.nodes, world.unmarked = [worker("i-1")], [node("i-1")], NotFound("nodes i-1")
    assert (world.agent.run(), world.agent.run(), len(world.signals)) == ("told of i-1", "", 1)


def test_of_many_new_nodes_all_are_told_of_some_in_each_run(world: World) -> None:
    names = [f"i-{number:03}" for number in range(2 * AT_ONCE + 1)]
    world.instances, world.nodes = [worker(name) for name in names], [node(name) for name in names]
    for count in (AT_ONCE, 2 * AT_ONCE, len(names), len(names)):
        world.agent.run()
        assert len(world.signals) == count
    assert [instance for _, _, instance in world.signals] == names
