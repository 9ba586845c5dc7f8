"""One step of a drain after the other; on a real API server in tests/integration/node/test_drain.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.outcomes import Done, Known, NoOp, Throttled, Unknown
from tests.unit.userdata.kube.pods import MIRROR, TERMINATING, owner, pod
from userdata.kube.client import Api
from userdata.kube.drain import STEP_SECONDS, Drained, PodLeft, Waiting, Why, delete_node, drain_step
from userdata.kube.outcomes import ApiConflict, ApiInvalid, BudgetRefusal, Change, Forbidden, NotFound
from userdata.kube.resources import DAEMON_SETS, NODES, PODS, Object, Resource

NODE = "i-1"
MISSING, SILENT, FORBIDDEN = NotFound("none"), Unknown("no answer"), Forbidden("not you")
BUDGET = BudgetRefusal("web needs 1")
DAEMONS, REPLICAS = owner("DaemonSet", "cilium"), owner("ReplicaSet", "web")


class NodeApi:
    """An API server with one node, which is a stand-in: it answers as it is told, and remembers what it was asked.

    `answers` has the outcome of a request by its words, such as `get nodes i-1`, `list pods` or `evict default/a`.
    """

    def __init__(self, *pods: Object, daemon_sets: tuple[str, ...] = ("cilium",)) -> None:
        self.pods = list(pods)
        self.daemon_sets = daemon_sets
        self.cordoned = False
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.uids: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens while a request is answered."""

    @property
    def api(self) -> Api:
        return cast(Api, self)

    @property
    def removals(self) -> list[str]:
        """The requests that would end a Pod, by the Pods' names."""
        return sorted(each for each in self.asked if each.startswith(("evict", "delete pods")))

    def get(self, resource: Resource, name: str, namespace: str = "") -> Any:
        if resource == NODES:
            return self._answer(f"get nodes {name}", Known({"spec": {"unschedulable": True} if self.cordoned else {}}))
        assert (resource, namespace) == (DAEMON_SETS, "default")
        return self._answer(f"get daemonsets {name}", Known({}) if name in self.daemon_sets else MISSING)

    def list(self, resource: Resource, namespace: str = "", **selectors: str) -> Any:
        assert (resource, namespace, selectors) == (PODS, "", {"fieldSelector": f"spec.nodeName={NODE}"})
        return self._answer("list pods", Known(tuple(self.pods)))

    def merge(self, resource: Resource, name: str, changes: Object, namespace: str = "") -> Any:
        marked = {"metadata": {"annotations": {"holdfast/drains": "true"}}, "spec": {"unschedulable": True}}
        assert (resource, changes) == (NODES, marked)
        outcome = self._answer(f"cordon {name}", Done())
        self.cordoned = self.cordoned or outcome == Done()
        return outcome

    def evict(self, namespace: str, name: str, uid: str) -> Any:
        self.uids.append(uid)
        return self._answer(f"evict {namespace}/{name}", Done())

    def delete(self, resource: Resource, name: str, namespace: str = "", uid: str = "") -> Any:
        self.uids.append(uid)
        return self._answer(f"delete {resource.plural} {namespace}/{name}", Done())

    def _answer(self, asked: str, usual: Any) -> Any:
        self.asked.append(asked)
        self.meanwhile()
        return self.answers.get(asked, usual)


def left(made: NodeApi, **how: Any) -> dict[str, Why]:
    """The Pods that a step leaves, and why; none where the node is drained."""
    outcome = drain_step(made.api, NODE, **how)
    if isinstance(outcome, Drained):
        return {}
    assert isinstance(outcome, Waiting), outcome
    assert outcome.left
    return {each.name: each.why for each in outcome.left}


def test_a_node_is_cordoned_before_its_pods_are_listed_and_only_once() -> None:
    made = NodeApi()
    assert [drain_step(made.api, NODE) for _ in range(2)] == [Drained(), Drained()]
    assert made.asked == ["get nodes i-1", "cordon i-1", "list pods", "get nodes i-1", "list pods"]


@pytest.mark.parametrize("request_of_it", ["get nodes i-1", "cordon i-1"])
def test_a_node_that_is_not_there_is_drained(request_of_it: str) -> None:
    made = NodeApi(pod("a"))
    made.answers[request_of_it] = MISSING
    assert drain_step(made.api, NODE) == Drained()
    assert made.asked[-1] == request_of_it


@pytest.mark.parametrize("outcome", [SILENT, FORBIDDEN, Throttled("busy")])
@pytest.mark.parametrize("failing", ["get nodes i-1", "cordon i-1", "list pods"])
@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_evicted_where_node_or_pods_are_unknown(failing: str, outcome: Unknown, force: bool) -> None:
    made = NodeApi(pod("a"))
    made.answers[failing] = outcome
    assert drain_step(made.api, NODE, force=force) == outcome
    assert made.asked[-1] == failing


def test_a_pod_is_evicted_by_its_uid_and_waited_for_until_it_is_not_listed() -> None:
    made = NodeApi(pod("a", REPLICAS))
    assert drain_step(made.api, NODE) == Waiting((PodLeft("default", "a", Why.TERMINATING, "it was evicted"),))
    assert (made.removals, made.uids) == (["evict default/a"], ["uid-of-default-a"])
    made.pods = [pod("a", REPLICAS, **TERMINATING)]
    assert drain_step(made.api, NODE) == Waiting((PodLeft("default", "a", Why.TERMINATING, "it terminates"),))
    assert len(made.removals) == 1
    made.pods = []
    assert drain_step(made.api, NODE) == Drained()


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Done(), Why.TERMINATING),
        (MISSING, None),
        (BUDGET, Why.BUDGET),
        (ApiConflict("another UID"), Why.FAILED),
        (FORBIDDEN, Why.FAILED),
        (ApiInvalid("bad"), Why.FAILED),
        (Throttled("busy"), Why.FAILED),
        (Unknown("more than one PodDisruptionBudget", "HTTP 500"), Why.FAILED),
        (SILENT, Why.FAILED),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_what_becomes_of_one_pod_holds_up_no_other(outcome: Change, why: Why | None, force: bool) -> None:
    made = NodeApi(*map(pod, "abc"))
    verb = "delete pods" if force else "evict"
    made.answers[f"{verb} default/b"] = outcome
    found = drain_step(made.api, NODE, force=force)
    assert isinstance(found, Waiting)
    assert made.removals == [f"{verb} default/{name}" for name in "abc"]
    reasons = {each.name: each.reason for each in found.left}
    whys = {each.name: each.why for each in found.left}
    assert (whys.pop("a"), whys.pop("c"), whys.get("b")) == (Why.TERMINATING, Why.TERMINATING, why)
    if not isinstance(outcome, Done | NotFound):
        assert reasons["b"] == outcome.reason


def test_a_forced_step_deletes_what_is_left_by_its_uid_and_asks_no_budget() -> None:
    made = NodeApi(pod("a"), pod("b", **TERMINATING), pod("c", DAEMONS), pod("d", **MIRROR))
    assert left(made, force=True) == {"a": Why.TERMINATING, "b": Why.TERMINATING}
    assert (made.removals, made.uids) == (["delete pods default/a"], ["uid-of-default-a"])


def test_a_node_on_which_only_daemons_and_static_pods_are_left_is_drained() -> None:
    made = NodeApi(pod("c", DAEMONS), pod("d", **MIRROR))
    assert drain_step(made.api, NODE) == Drained()
    assert made.removals == []


def test_a_daemon_set_is_looked_up_once_in_a_step() -> None:
    made = NodeApi(pod("a", DAEMONS), pod("b", DAEMONS), pod("c", owner("DaemonSet", "gone")))
    assert left(made) == {"c": Why.TERMINATING}
    assert sorted(each for each in made.asked if "daemonsets" in each) == [
        "get daemonsets cilium",
        "get daemonsets gone",
    ]


@pytest.mark.parametrize("outcome", [SILENT, FORBIDDEN])
@pytest.mark.parametrize("force", [False, True])
def test_a_pod_of_a_daemon_set_that_is_unknown_stays(outcome: Unknown | Forbidden, force: bool) -> None:
    made = NodeApi(pod("a", DAEMONS))
    made.answers["get daemonsets cilium"] = outcome
    assert drain_step(made.api, NODE, force=force) == Waiting((PodLeft("default", "a", Why.FAILED, outcome.reason),))
    assert made.removals == []


class Slow(NodeApi):
    """Every request takes as long as it is told."""

    def __init__(self, seconds: float, *pods: Object) -> None:
        super().__init__(*pods)
        self.now = 0.0
        self.meanwhile = lambda: setattr(self, "now", self.now + seconds)


def test_a_step_ends_though_every_request_takes_long() -> None:
    made = Slow(10.0, *map(pod, "abcde"), pod("m", **MIRROR), pod("t", **TERMINATING), pod("z", DAEMONS))
    whys = left(made, clock=lambda: made.now)
    assert len([each for each in made.asked if "default/" in each or "daemonsets" in each]) == STEP_SECONDS / 10
    # No request is needed to see these two.
    assert ("m" in whys, whys["t"]) == (False, Why.TERMINATING)
    assert list(whys.values()).count(Why.NOT_ASKED) == len("abcdez") - STEP_SECONDS / 10
    assert made.now == 3 * 10 + STEP_SECONDS


def test_pods_that_take_long_do_not_use_up_every_step() -> None:
    made = Slow(STEP_SECONDS, *map(pod, "abcde"))
    for _ in range(300):
        left(made, clock=lambda: made.now)
    assert {each for each in made.asked if each.startswith("evict")} == {f"evict default/{name}" for name in "abcde"}


def test_pods_are_told_by_namespace_and_name() -> None:
    # So many that no order of chance is the right one.
    made = NodeApi(*(pod(name, namespace=namespace) for name in "hgfedcba" for namespace in ("z", "default")))
    outcome = drain_step(made.api, NODE)
    assert isinstance(outcome, Waiting)
    ordered = [(namespace, name) for namespace in ("default", "z") for name in "abcdefgh"]
    assert [(each.namespace, each.name) for each in outcome.left] == ordered


@given(
    refusals=st.lists(st.integers(0, 4), max_size=5),
    ending_steps=st.integers(0, 3),
    stays=st.lists(st.sampled_from(["mirror", "daemon"]), max_size=2),
)
def test_a_drain_ends_once_every_budget_has_allowed_and_every_pod_has_ended(
    refusals: list[int], ending_steps: int, stays: list[str]
) -> None:
    kept = [pod(f"k{i}", **MIRROR) if kind == "mirror" else pod(f"k{i}", DAEMONS) for i, kind in enumerate(stays)]
    made = NodeApi(*kept)
    todo = {f"p{i}": count for i, count in enumerate(refusals)}
    ending = dict.fromkeys(todo, ending_steps)
    steps = 0
    while True:
        listed = {name: pod(name, **(TERMINATING if todo[name] < 0 else {})) for name in todo}
        made.pods = [*kept, *listed.values()]
        made.answers = {f"evict default/{name}": BUDGET for name, count in todo.items() if count > 0}
        before = len(made.removals)
        found = left(made)
        assert found.keys() == todo.keys()
        assert len(made.removals) - before == sum(count >= 0 for count in todo.values())
        if not found:
            break
        for name in list(todo):
            if todo[name] >= 0:
                todo[name] -= 1
            elif ending[name] > 0:
                ending[name] -= 1
            else:
                del todo[name]
        steps += 1
        assert steps <= max(refusals) + ending_steps + 2


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Done(), Done()),
        (MISSING, NoOp("there is no Node i-1")),
        (FORBIDDEN, FORBIDDEN),
        (SILENT, SILENT),
    ],
)
def test_the_node_of_a_terminated_instance_is_deleted_once(outcome: Change, told: Change | NoOp) -> None:
    made = NodeApi()
    made.answers["delete nodes /i-1"] = outcome
    assert delete_node(made.api, NODE) == told
    assert made.asked == ["delete nodes /i-1"]
