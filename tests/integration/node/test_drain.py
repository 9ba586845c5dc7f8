"""The drain of a node on a real API server, with the rights that an agent has.

No kubelet and no controller runs here: a Pod that is bound to a node terminates until the test ends it, and what a
PodDisruptionBudget allows is what the test has written into its status.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from coordination.outcomes import Done, Known, NoOp
from tests.integration.node.kube import Kube, serving
from tests.programs import EACH_MINOR
from tests.unit.userdata.kube.pods import MIRROR, owner
from userdata.kube.drain import (
    Drained,
    PodLeft,
    Step,
    Waiting,
    Why,
    delete_node,
    drain_step,
    is_cordoned_by_a_drain,
    uncordon,
)
from userdata.kube.outcomes import ApiConflict, BudgetRefusal, Forbidden, NotFound
from userdata.kube.resources import DAEMON_SETS, NODES, PODS, Object, Resource
from userdata.pki.issuing import Leaf, Subject

NODE = "i-0fedcba9876543210"
WORK = "work"
GRACE_SECONDS = 7

NAMESPACES = Resource("v1", "namespaces")
ACCOUNTS = Resource("v1", "serviceaccounts")
BUDGETS = Resource("policy/v1", "poddisruptionbudgets")


class Workload:
    """One node and the Pods on it."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self._master: Leaf = kube.server.user(Subject("master", "system:masters"))

    def step(self, *, force: bool = False) -> Step:
        """A step of the drain, as the agent."""
        return drain_step(self.kube.agent, NODE, force=force)

    def namespace(self, name: str) -> None:
        """A namespace in which Pods can be made."""
        self._create(NAMESPACES, {"metadata": {"name": name}})
        # A controller makes it otherwise.
        self._create(ACCOUNTS, {"metadata": {"name": "default"}}, name)

    def pod(self, name: str, *owners: Object, phase: str = "Running", namespace: str = WORK, **metadata: Any) -> str:
        """A Pod on the node, ready where it runs; its UID."""
        spec = {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "containers": [{"name": "main", "image": "registry.invalid/none"}],
            "automountServiceAccountToken": False,
        }
        head = {"name": name, "labels": {"app": "web"}, "ownerReferences": list(owners), **metadata}
        self._create(PODS, {"metadata": head, "spec": spec}, namespace)
        conditions = [{"type": "Ready", "status": str(phase == "Running")}]
        self._write_status(PODS, name, namespace, {"phase": phase, "conditions": conditions})
        found = self.find(name, namespace)
        assert found is not None
        return str(found["uid"])

    def budget(self, name: str, allowed: int) -> None:
        """A budget of all Pods, which allows so many evictions, as its controller would say."""
        selector = {"matchLabels": {"app": "web"}}
        self._create(BUDGETS, {"metadata": {"name": name}, "spec": {"minAvailable": 1, "selector": selector}}, WORK)
        self.allow(name, allowed)

    def allow(self, name: str, allowed: int) -> None:
        """Change what a budget allows."""
        counts = {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}
        self._write_status(BUDGETS, name, WORK, {"observedGeneration": 1, **counts})

    def daemon_set(self, name: str) -> Object:
        """A DaemonSet; the reference to it."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "none"}]}}
        self._create(
            DAEMON_SETS,
            {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": template}},
            WORK,
        )
        return owner("DaemonSet", name)

    def find(self, name: str, namespace: str = WORK) -> Mapping[str, Any] | None:
        """A Pod's metadata, None where there is none."""
        answer = self.kube.master.get(PODS, name, namespace)
        if isinstance(answer, NotFound):
            return None
        assert isinstance(answer, Known), answer
        found: Mapping[str, Any] = answer.value["metadata"]
        return found

    def grace_seconds(self, name: str, namespace: str = WORK) -> int | None:
        """How long a Pod has to end since it was told to; None where it was not told."""
        found = self.find(name, namespace)
        assert found is not None
        assert ("deletionTimestamp" in found) == ("deletionGracePeriodSeconds" in found)
        return found.get("deletionGracePeriodSeconds")

    def end(self, name: str, namespace: str = WORK) -> None:
        """Do as the kubelet does when a Pod has ended."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        self._ask("DELETE", PODS.path(name, namespace), options)

    def end_all(self) -> None:
        """Leave nothing to the next test."""
        for each in self._items(PODS):
            self.end(each["name"], each["namespace"])
        for resource in (BUDGETS, DAEMON_SETS):
            for each in self._items(resource):
                self.kube.master.delete(resource, each["name"], each["namespace"])
        self.kube.master.delete(NODES, NODE)

    def _items(self, resource: Resource) -> list[Mapping[str, Any]]:
        listed = self.kube.master.list(resource)
        assert isinstance(listed, Known), listed
        return [each["metadata"] for each in listed.value]

    def _create(self, resource: Resource, body: Object, namespace: str = "") -> None:
        assert self.kube.master.create(resource, body, namespace) == Done()

    def _write_status(self, resource: Resource, name: str, namespace: str, status: Object) -> None:
        path = resource.path(name, namespace)
        stored = self._ask("GET", path)
        self._ask("PUT", f"{path}/status", {**stored, "status": status})

    def _ask(self, method: str, path: str, body: Object | None = None) -> Mapping[str, Any]:
        status, said = self.kube.server.ask(method, path, self._master, body)
        assert status in (200, 201, 202), said
        answer: Mapping[str, Any] = json.loads(said)
        return answer


@pytest.fixture(scope="module", params=EACH_MINOR)
def kube(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """An API server of each minor."""
    with serving(tmp_path_factory, request.param) as made:
        Workload(made).namespace(WORK)
        yield made


@pytest.fixture
def workload(kube: Kube) -> Iterator[Workload]:
    made = Workload(kube)
    assert kube.master.create(NODES, {"metadata": {"name": NODE}}) == Done()
    yield made
    made.end_all()


def left(why: Why, reason: str, name: str = "web-0", namespace: str = WORK) -> Waiting:
    """A step that leaves one Pod."""
    return Waiting((PodLeft(namespace, name, why, reason),))


def whys(outcome: Step) -> dict[str, Why]:
    """Why each Pod is left."""
    assert isinstance(outcome, Waiting), outcome
    return {each.name: each.why for each in outcome.left}


def test_a_node_is_cordoned_and_drained_once_its_pods_have_ended(workload: Workload) -> None:
    workload.pod("web-0")
    assert workload.step() == left(Why.TERMINATING, "it was evicted")
    node = workload.kube.master.get(NODES, NODE)
    assert isinstance(node, Known)
    assert node.value["spec"]["unschedulable"] is True
    assert workload.grace_seconds("web-0") == GRACE_SECONDS
    assert workload.step() == left(Why.TERMINATING, "it terminates")
    workload.end("web-0")
    assert workload.step() == Drained()


def test_a_drains_cordon_is_taken_back_and_not_of_a_node_that_has_changed_since(workload: Workload) -> None:
    api = workload.kube.agent

    def node() -> Object:
        found = api.get(NODES, NODE)
        assert isinstance(found, Known)
        return found.value

    workload.step()
    read = node()
    assert is_cordoned_by_a_drain(read)
    assert workload.kube.master.merge(NODES, NODE, {"metadata": {"labels": {"theirs": "1"}}}) == Done()
    assert isinstance(uncordon(api, read), ApiConflict)
    assert uncordon(api, node()) == Done()
    assert not is_cordoned_by_a_drain(node())
    assert "unschedulable" not in node()["spec"]
    assert workload.kube.master.merge(NODES, NODE, {"spec": {"unschedulable": True}}) == Done()
    workload.step()
    assert not is_cordoned_by_a_drain(node())


def test_pods_of_other_nodes_are_not_touched(workload: Workload) -> None:
    spec = {"containers": [{"name": "main", "image": "none"}], "automountServiceAccountToken": False}
    for name, given in (("elsewhere", {**spec, "nodeName": "i-1"}), ("nowhere", spec)):
        assert workload.kube.master.create(PODS, {"metadata": {"name": name}, "spec": given}, WORK) == Done()
    assert workload.step() == Drained()
    for name in ("elsewhere", "nowhere"):
        assert workload.grace_seconds(name) is None


def test_a_budget_holds_an_eviction_until_it_allows_one(workload: Workload) -> None:
    workload.pod("web-0")
    workload.pod("web-1")
    workload.budget("web", 0)
    outcome = workload.step()
    assert whys(outcome) == {"web-0": Why.BUDGET, "web-1": Why.BUDGET}
    assert isinstance(outcome, Waiting)
    assert "The disruption budget web needs 1 healthy pods and has 1 currently" in outcome.left[0].reason
    assert workload.grace_seconds("web-0") is None
    workload.allow("web", 1)
    assert set(whys(workload.step()).values()) == {Why.BUDGET, Why.TERMINATING}
    workload.allow("web", 1)
    assert set(whys(workload.step()).values()) == {Why.TERMINATING}


def test_a_finished_pod_needs_no_budget(workload: Workload) -> None:
    workload.pod("web-0", phase="Succeeded")
    workload.budget("web", 0)
    assert workload.step() == left(Why.TERMINATING, "it was evicted")
    assert workload.step() == Drained()


def test_two_budgets_of_a_pod_hold_it_and_say_so(workload: Workload) -> None:
    workload.pod("web-0")
    for name in ("web", "all"):
        workload.budget(name, 1)
    outcome = workload.step()
    assert whys(outcome) == {"web-0": Why.FAILED}
    assert isinstance(outcome, Waiting)
    assert "more than one PodDisruptionBudget" in outcome.left[0].reason
    assert workload.grace_seconds("web-0") is None


def test_static_pods_and_daemons_stay_until_their_daemon_set_is_gone(workload: Workload) -> None:
    workload.pod("etcd", owner("Node", NODE, "v1"), **MIRROR)
    workload.pod("proxy", workload.daemon_set("proxy"))
    assert workload.step() == Drained()
    assert workload.step(force=True) == Drained()
    assert (workload.grace_seconds("etcd"), workload.grace_seconds("proxy")) == (None, None)
    assert workload.kube.master.delete(DAEMON_SETS, "proxy", WORK) == Done()
    assert workload.step() == left(Why.TERMINATING, "it was evicted", "proxy")
    assert workload.grace_seconds("etcd") is None


def test_after_the_deadline_pods_are_deleted_in_their_own_time_whatever_budgets_say(workload: Workload) -> None:
    workload.pod("web-0")
    workload.budget("web", 0)
    assert whys(workload.step()) == {"web-0": Why.BUDGET}
    assert workload.step(force=True) == left(Why.TERMINATING, "it was deleted")
    assert workload.grace_seconds("web-0") == GRACE_SECONDS


def test_another_pod_of_the_same_name_is_not_hit(workload: Workload) -> None:
    agent = workload.kube.agent
    first = workload.pod("web-0")
    workload.end("web-0")
    workload.pod("web-0")
    assert isinstance(agent.evict(WORK, "web-0", first), ApiConflict)
    assert isinstance(agent.delete(PODS, "web-0", WORK, uid=first), ApiConflict)
    assert workload.grace_seconds("web-0") is None


def test_an_eviction_says_what_kind_of_no_it_is(workload: Workload) -> None:
    agent = workload.kube.agent
    assert isinstance(agent.evict(WORK, "web-0", "any"), NotFound)
    uid = workload.pod("web-0")
    workload.budget("web", 0)
    assert isinstance(agent.evict(WORK, "web-0", uid), BudgetRefusal)
    assert isinstance(workload.kube.holder.evict(WORK, "web-0", uid), Forbidden)


def test_in_a_namespace_that_is_deleted_nothing_can_be_evicted_but_deleted(workload: Workload) -> None:
    workload.namespace("ending")
    workload.pod("web-0", namespace="ending")
    # A controller would delete what is in it, and it stays without one.
    assert workload.kube.master.delete(NAMESPACES, "ending") == Done()
    assert whys(workload.step()) == {"web-0": Why.FAILED}
    assert workload.step(force=True) == left(Why.TERMINATING, "it was deleted", namespace="ending")
    assert workload.grace_seconds("web-0", "ending") == GRACE_SECONDS


def test_a_node_is_deleted_once_and_is_drained_then(workload: Workload) -> None:
    agent = workload.kube.agent
    workload.pod("web-0")
    assert delete_node(agent, NODE) == Done()
    assert delete_node(agent, NODE) == NoOp(f"there is no Node {NODE}")
    assert workload.step() == Drained(had_node=False)
    assert workload.grace_seconds("web-0") is None
