"""Drains of workers, carried out by one agent after the other, on the API server of the drain's own tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.drains import DRAIN_SECONDS, Drain, DrainOutcome, DrainState, requested
from coordination.drains import drain as drain_of
from coordination.outcomes import Throttled, Unknown
from tests.unit.userdata.agent.looks import NOW, RECORD
from tests.unit.userdata.kube.node_api import MISSING, NodeApi
from tests.unit.userdata.kube.pods import TERMINATING, pod
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent.draining import DrainContext, WorkerDrains
from userdata.kube.drain import Step, drain_step
from userdata.kube.outcomes import BudgetRefusal
from userdata.logs.lines import StageFailed

BUDGET = BudgetRefusal("web needs 1")
DEADLINE = NOW + DRAIN_SECONDS


class AgentDied(Exception):
    """Its process was killed."""


class World:
    """A table with a drain for each of these nodes, and their API server."""

    def __init__(self, *nodes: NodeApi) -> None:
        self.nodes = {each.node: each for each in nodes}
        self.table = MemoryTable(RECORD.item(), *(requested(name, NOW).item() for name in self.nodes))
        self.now = float(NOW)
        self.beats = 0

    def agent(self, name: str = "i-91", epoch: int = RECORD.epoch) -> WorkerDrains:
        return WorkerDrains(DrainContext(name, epoch, self.table, self._drain, self._beat, lambda: self.now))

    def stored(self, name: str) -> Drain:
        found = self.table.stored(f"drain#{name}")
        assert found is not None
        return drain_of(found)

    def _drain(self, name: str, force: bool) -> Step:
        return drain_step(self.nodes[name].api, name, force=force)

    def _beat(self) -> None:
        self.beats += 1


def ended(outcome: DrainOutcome, name: str = "i-1", by: str = "i-91", at: int = NOW) -> Drain:
    return replace(requested(name, NOW), state=DrainState.DONE, outcome=outcome, by=by, ended_at=at)


def test_a_node_s_pods_are_evicted_and_the_drain_is_done_once_they_have_ended() -> None:
    node = NodeApi(pod("a"), pod("b"))
    world = World(node)
    agent = world.agent()
    assert agent.run() == ""
    assert node.cordoned
    assert (node.removals, world.stored("i-1")) == (["evict default/a", "evict default/b"], requested("i-1", NOW))
    node.pods = [pod("a", **TERMINATING)]
    assert agent.run() == ""
    node.pods = []
    world.now = NOW + 30.0
    assert agent.run() == "drain of i-1: drained"
    assert world.stored("i-1") == ended(DrainOutcome.DRAINED, at=NOW + 30)


def test_what_is_done_is_left_alone() -> None:
    node = NodeApi(pod("a"))
    world = World(node)
    world.table.store(ended(DrainOutcome.FORCED).item())
    assert (world.agent().run(), node.asked) == ("", [])


def test_an_instance_that_is_no_node_is_done_at_once() -> None:
    node = NodeApi()
    node.answers["get nodes i-1"] = MISSING
    world = World(node)
    assert world.agent().run() == "drain of i-1: no-node"
    assert world.stored("i-1").outcome is DrainOutcome.NO_NODE


def test_several_nodes_are_drained_in_one_run_and_none_waits_for_another() -> None:
    held, empty, leaving = NodeApi(pod("a"), node="i-1"), NodeApi(node="i-2"), NodeApi(pod("c"), node="i-3")
    held.answers["evict default/a"] = BUDGET
    world = World(held, empty, leaving)
    assert world.agent().run() == "drain of i-2: drained"
    assert (leaving.removals, world.beats) == (["evict default/c"], 3)
    leaving.pods = []
    assert world.agent().run() == "drain of i-3: drained"
    assert world.stored("i-1") == requested("i-1", NOW)


@pytest.mark.parametrize("outcome", [Throttled("busy"), Unknown("no answer"), BUDGET])
@pytest.mark.parametrize("failing", ["get nodes i-1", "cordon i-1", "list pods", "evict default/a"])
def test_before_the_deadline_nothing_but_an_empty_node_ends_a_drain(failing: str, outcome: Unknown) -> None:
    node = NodeApi(pod("a"))
    node.answers[failing] = outcome
    world = World(node)
    for moment in (NOW, DEADLINE - 1):
        world.now = float(moment)
        unseen = failing != "evict default/a"
        expected = pytest.raises(StageFailed, match=f"^i-1 cannot be drained: {outcome.reason}$")
        with expected if unseen else nullcontext():
            assert world.agent().run() == ""
    assert world.stored("i-1") == requested("i-1", NOW)
    assert not [each for each in node.removals if each.startswith("delete")]


def test_after_the_deadline_what_is_left_is_deleted_whatever_budgets_say() -> None:
    node = NodeApi(pod("a"))
    node.answers["evict default/a"] = BUDGET
    world = World(node)
    world.agent().run()
    world.now = float(DEADLINE)
    assert world.agent().run() == "drain of i-1: forced"
    assert node.removals == ["delete pods default/a", "evict default/a"]
    assert world.stored("i-1").outcome is DrainOutcome.FORCED


def test_a_node_that_is_empty_by_its_deadline_was_not_forced() -> None:
    world = World(NodeApi())
    world.now = float(DEADLINE)
    assert world.agent().run() == "drain of i-1: drained"


def test_after_the_deadline_a_node_that_cannot_be_read_is_tried_again_as_long_as_the_function_waits() -> None:
    node = NodeApi(pod("a"))
    node.answers["list pods"] = Throttled("busy")
    world = World(node)
    world.now = float(DEADLINE)
    with pytest.raises(StageFailed, match="i-1 cannot be drained: busy"):
        world.agent().run()
    del node.answers["list pods"]
    assert world.agent().run() == "drain of i-1: forced"


def test_a_node_that_cannot_be_drained_is_told_and_holds_up_no_other() -> None:
    broken, empty = NodeApi(node="i-1"), NodeApi(node="i-2")
    broken.answers["list pods"] = Unknown("no answer")
    world = World(broken, empty)
    with pytest.raises(StageFailed, match=r"^drain of i-2: drained; i-1 cannot be drained: no answer$"):
        world.agent().run()
    assert world.stored("i-2").outcome is DrainOutcome.DRAINED


def test_an_item_that_cannot_be_understood_is_told_and_holds_up_no_other() -> None:
    world = World(NodeApi(node="i-2"))
    world.table.store({"Id": "drain#i-1", "State": "asleep"})
    with pytest.raises(StageFailed, match="drain of i-2: drained; item drain#i-1: State is 'asleep'"):
        world.agent().run()


@pytest.mark.parametrize("change", [{"Epoch": RECORD.epoch + 1}, {"Epoch": "one"}])
def test_an_agent_of_another_epoch_s_cluster_drains_nobody(change: dict[str, Any]) -> None:
    node = NodeApi()
    node.answers["get nodes i-1"] = MISSING
    world = World(node)
    world.table.store({**RECORD.item(), **change})
    with pytest.raises(StageFailed):
        world.agent().run()
    assert (node.asked, world.stored("i-1").outcome) == ([], None)


def test_a_table_that_cannot_be_read_is_told() -> None:
    world = World(NodeApi())
    world.table.fate = lambda _: Fate.FAILED
    with pytest.raises(StageFailed):
        world.agent().run()


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED])
def test_a_word_of_which_nobody_knows_whether_it_was_stored_is_said_again(fate: Fate) -> None:
    world = World(NodeApi())
    world.table.fate = lambda call: fate if call.startswith("apply") else Fate.ANSWERED
    with pytest.raises(StageFailed, match="whether the drain of i-1 is done is unknown"):
        world.agent().run()
    world.table.fate = lambda _: Fate.ANSWERED
    world.agent("i-92").run()
    assert world.stored("i-1") == ended(DrainOutcome.DRAINED, by="i-91" if fate is Fate.LOST else "i-92")


@pytest.mark.parametrize("written", [ended(DrainOutcome.FORCED, by="i-92"), None], ids=["done", "deleted"])
def test_what_another_agent_or_the_function_has_written_meanwhile_stays(written: Drain | None) -> None:
    node = NodeApi()
    world = World(node)

    def meanwhile() -> None:
        world.table.remove("drain#i-1")
        if written is not None:
            world.table.store(written.item())

    node.meanwhile = meanwhile
    assert world.agent().run() == ""
    assert world.table.stored("drain#i-1") == (None if written is None else written.item())


def kill_at(world: World, node: NodeApi, call: int) -> Callable[[], None]:
    """From now on the agent dies at its call of this number, to the table or to the API server; how to stop that."""
    left = [call]

    def count() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise AgentDied

    def fate(_: str) -> Fate:
        count()
        return Fate.ANSWERED

    world.table.fate, node.meanwhile = fate, count

    def stop() -> None:
        world.table.fate, node.meanwhile = (lambda _: Fate.ANSWERED), (lambda: None)

    return stop


@pytest.mark.parametrize("empty", [False, True], ids=["with pods", "drained"])
@pytest.mark.parametrize("call", range(8))
def test_where_an_agent_dies_another_one_goes_on(call: int, empty: bool) -> None:
    node = NodeApi(*([] if empty else [pod("a"), pod("b")]))
    world = World(node)
    stop = kill_at(world, node, call)
    with suppress(AgentDied):
        world.agent().run()
    stop()
    evicted = {each.removeprefix("evict default/") for each in node.removals}
    node.pods = [each if each["metadata"]["name"] not in evicted else pod("a", **TERMINATING) for each in node.pods]
    other = world.agent("i-92")
    other.run()
    node.pods = []
    other.run()
    assert node.cordoned
    assert set(node.removals) == (set() if empty else {"evict default/a", "evict default/b"})
    assert world.stored("i-1").outcome is DrainOutcome.DRAINED


API_SERVERS = ["works", "is throttled", "is gone", "budget"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 120), st.sampled_from(["works", "is throttled", "is gone", "budget"])), max_size=30
    )
)
def test_a_drain_ends_early_only_by_an_empty_node_and_soon_after_its_deadline_where_the_api_answers(
    looks: list[tuple[int, str]],
) -> None:
    """The Pod never ends by itself."""
    node = NodeApi(pod("a"))
    world = World(node)
    failures: dict[str, dict[str, Any]] = {
        "works": {},
        "is throttled": {"evict default/a": Throttled("busy"), "delete pods default/a": Throttled("busy")},
        "is gone": {"get nodes i-1": Unknown("no answer")},
        "budget": {"evict default/a": BUDGET},
    }
    for seconds, what in [*looks, (DRAIN_SECONDS, "works")]:
        world.now += seconds
        node.answers = failures[what]
        try:
            world.agent().run()
        except StageFailed:
            assert what == "is gone" or (what == "is throttled" and world.now >= DEADLINE)
        if world.stored("i-1").outcome is not None:
            assert world.now >= DEADLINE
            assert what != "is throttled", "its Pod was not told to end"
            assert world.stored("i-1").outcome is DrainOutcome.FORCED
            return
        # What was not told to end yet is told so in a later step.
        assert world.now < DEADLINE or what in ("is gone", "is throttled")
    pytest.fail("it is never done")


def test_only_the_leader_drains_and_keeps_its_pace_while_that_fails() -> None:
    task = World().agent().task()
    assert task.leader_only
    assert task.urgent
