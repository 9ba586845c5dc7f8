"""A worker leaves through Auto Scaling: before it ends its Pods move to the next one, as their budget allows."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator

import pytest

from coordination.drains import Drain, DrainOutcome
from coordination.names import drain_item
from coordination.outcomes import Known
from tests.e2e.harness import ClusterHarness, Seen, running
from tests.e2e.replacing import SHORT, drain_of, terminate

HEALTHY_SECONDS = 420.0
REPLICAS = 2
LABELS = {"app": "web"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster of three control planes and one worker."""
    with running(tmp_path_factory.mktemp("drains"), node_settings=SHORT, parameters={"GeneralMinSize": "1"}) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        yield cluster


def test_a_worker_that_terminates_is_drained_as_budgets_allow_and_replaced(cluster: ClusterHarness) -> None:
    seen = cluster.until(lambda seen: seen if one_worker(cluster, seen) else None, "no worker joins", HEALTHY_SECONDS)
    (worker,) = seen.workers
    workload(cluster, seen)
    cluster.until(lambda _: serving(cluster) == [worker] * REPLICAS, "no Pod serves", HEALTHY_SECONDS)
    said: list[Drain] = []
    cordoned = set()

    def gone(seen: Seen) -> bool:
        """Whether the instance has ended. Until then one Pod always serves, as the budget wants."""
        state = seen.state(worker)
        where = serving(cluster)
        assert where, f"a drain has ended every Pod at once: {seen}"
        if (drain := drain_of(cluster, worker)) is not None:
            said.append(drain)
        if is_cordoned(cluster, worker):
            cordoned.add(worker)
        # Looked at before the Pods: what has ended since was drained before.
        assert state == "running" or worker not in where
        return state in ("terminated", "unknown")

    terminate(cluster, worker)
    cluster.until(gone, f"{worker} does not end", 2 * HEALTHY_SECONDS)
    assert cordoned == {worker}
    assert said[-1].outcome is DrainOutcome.DRAINED
    assert said[-1].by in seen.control_planes

    def replaced(seen: Seen) -> Seen | None:
        return seen if worker not in cluster.nodes() and one_worker(cluster, seen) else None

    after = cluster.until(replaced, f"{worker} is not replaced", HEALTHY_SECONDS)
    (successor,) = after.workers
    cluster.until(lambda _: serving(cluster) == [successor] * REPLICAS, "Pods are lost", HEALTHY_SECONDS)
    item = drain_item(worker)
    cluster.until(lambda _: cluster.table.get(item) == Known(None), f"{item} is not deleted", HEALTHY_SECONDS)


def one_worker(cluster: ClusterHarness, seen: Seen) -> bool:
    """Whether there is exactly one, and it is a Ready node."""
    found = seen.workers
    return len(found) == 1 and all(cluster.nodes().get(name) for name in found)


def workload(cluster: ClusterHarness, seen: Seen) -> None:
    """Pods of the one image that every node has and that does nothing, of which one has to serve always."""
    name = min(seen.control_planes)
    read = tomllib.loads(cluster.shell(name, "cat /etc/containerd/config.toml").stdout)
    image = read["plugins"]["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"]
    selector = {"matchLabels": LABELS}
    spec = {"containers": [{"name": "main", "image": image}], "terminationGracePeriodSeconds": 5}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": REPLICAS,
            "selector": selector,
            "template": {"metadata": {"labels": LABELS}, "spec": spec},
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": selector},
    }
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [deployment, budget]})
    cluster.kubectl.text("apply", "--filename=-", given=listed)


def serving(cluster: ClusterHarness) -> list[str]:
    """The nodes of the workload's Ready Pods, one for each, sorted."""
    ready = ("Ready", "True")
    return sorted(
        str(pod["spec"]["nodeName"])
        for pod in cluster.kubectl.items("pods", "--selector=app=web")
        if ready in [(each["type"], each["status"]) for each in pod["status"].get("conditions", [])]
    )


def is_cordoned(cluster: ClusterHarness, name: str) -> bool:
    """Whether the scheduler puts no Pods on a node."""
    nodes = {str(each["metadata"]["name"]): each["spec"] for each in cluster.kubectl.items("nodes")}
    return bool(nodes.get(name, {}).get("unschedulable"))
