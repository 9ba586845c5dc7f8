"""A pool goes from no node to two and back by what the autoscaler does, as its role and as its account."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordination.drains import DrainOutcome
from imagebuilder.addons import autoscaler
from tests.e2e.harness import ClusterHarness, Seen, running
from tests.e2e.replacing import SHORT, drain_of
from tests.e2e.shipped import CONTROL_PLANES, lines
from tests.e2e.updating import status
from tests.e2e.workloads import deployment, ready_on
from tests.played_autoscaler import PROVIDER_ID, discovery_tags

HEALTHY_SECONDS = 420.0
ROOT = Path(__file__).parents[2]
PLAYED = ROOT / "tests" / "played_autoscaler.py"
NODE_PROGRAM = Path(__file__).parent / "autoscaler_node.py"
FOLDER = "/run/played-autoscaler"
ACCOUNT = f"--as=system:serviceaccount:kube-system:{autoscaler.NAME}"
# The network that its pods need is not here, so no rehearsal installs it (docs/rehearsal.md).
GRANTING = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
LEAVES = {"key": "ToBeDeletedByClusterAutoscaler", "value": "0", "effect": "NoSchedule"}
"""utils/taints/taints.go, MarkToBeDeleted."""


@dataclass(frozen=True)
class Autoscaler:
    """What the autoscaler does on a control plane of a cluster."""

    cluster: ClusterHarness
    on: str
    tags: list[str]

    def aws(self, verb: str = "look", **told: Any) -> Any:
        """Its calls to AWS: the pool's name, and the pool as they show it."""
        files = {f"{FOLDER}/tests/played_autoscaler.py": PLAYED, f"{FOLDER}/asked.py": NODE_PROGRAM}
        placing = [
            f"printf %s {shlex.quote(place.read_text(encoding='utf-8'))} > {path}" for path, place in files.items()
        ]
        asked = shlex.join([verb, json.dumps({"tags": self.tags, **told}), FOLDER])
        running = f"/usr/bin/python3 -I {FOLDER}/asked.py {asked}"
        script = " && ".join([f"mkdir -p {FOLDER}/tests", *placing, running])
        done = self.cluster.shell(self.on, script, 120)
        assert done.returncode == 0, done.stderr
        ((name, pool),) = json.loads(done.stdout).items()
        return name, pool

    def taint(self, node: str) -> None:
        """Mark a Node that leaves: it is read, and written as a whole."""
        found = json.loads(self.cluster.kubectl.text("get", "node", node, "--output=json", ACCOUNT))
        found["spec"]["taints"] = [*found["spec"].get("taints", []), LEAVES]
        self.cluster.kubectl.text("replace", "--filename=-", ACCOUNT, given=json.dumps(found))

    def evict(self, pod: str) -> None:
        """Evict a Pod (core/scaledown/actuation/drain.go)."""
        head = {"name": pod, "namespace": "default"}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": head}
        path = f"/api/v1/namespaces/default/pods/{pod}/eviction"
        self.cluster.kubectl.text("create", f"--raw={path}", "--filename=-", ACCOUNT, given=json.dumps(eviction))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster of three control planes, and a pool without nodes."""
    with running(
        tmp_path_factory.mktemp("scaling"), node_settings=SHORT, parameters={"GeneralMinSize": "0"}
    ) as cluster:
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", 2 * HEALTHY_SECONDS)
        cluster.healthy(HEALTHY_SECONDS)
        yield cluster


@pytest.fixture(scope="module")
def played(cluster: ClusterHarness) -> Autoscaler:
    """With what its manifests grant."""
    objects = autoscaler.objects("v0.0.0")
    granting = {"apiVersion": "v1", "kind": "List", "items": [each for each in objects if each["kind"] in GRANTING]}
    cluster.kubectl.text("apply", "--filename=-", given=json.dumps(granting))
    (made,) = [each for each in objects if each["kind"] == "Deployment"]
    (discovery,) = [each for each in made["spec"]["template"]["spec"]["containers"][0]["args"] if "discovery" in each]
    seen = cluster.look()
    (uuid,) = {each["Value"] for each in tags_of_groups(cluster) if each["Key"] == "holdfast:cluster"}
    return Autoscaler(cluster, min(seen.control_planes), discovery_tags(discovery, uuid))


def test_a_pool_goes_from_none_to_two_and_back_and_the_agent_deletes_its_nodes(played: Autoscaler) -> None:
    cluster = played.cluster
    name, pool = played.aws()
    assert (pool["desired"], pool["provider_ids"]) == (0, {})
    # One Pod for a node, on the pool alone.
    deployment(cluster, "web", 2, pool="general", apart_from="web", required=True)
    played.aws("increase", group=name, delta=2)

    def two(seen: Seen) -> frozenset[str] | None:
        return (
            seen.workers
            if sorted(ready_on(cluster, "web")) == sorted(seen.workers) and len(seen.workers) == 2
            else None
        )

    workers = cluster.until(two, "no Pod runs on each of two workers", 2 * HEALTHY_SECONDS)
    _, pool = played.aws()
    nodes = {
        each["metadata"]["name"]: each for each in cluster.kubectl.items("nodes") if each["metadata"]["name"] in workers
    }
    assert {each["spec"]["providerID"]: "InService" for each in nodes.values()} == pool["provider_ids"]
    for node in nodes.values():
        assert PROVIDER_ID.search(node["spec"]["providerID"])
        zone = {"topology.kubernetes.io/zone": node["metadata"]["labels"]["topology.kubernetes.io/zone"]}
        # It takes every new node for one in the first of the pool's zones.
        assert {**pool["labels"], **zone}.items() <= node["metadata"]["labels"].items()

    # One Pod is left there and another one elsewhere, which has room where the first one is.
    cluster.kubectl.text("scale", "deployment", "web", "--replicas=1")
    (stays,) = cluster.until(lambda _: one(ready_on(cluster, "web")), "two Pods are left", HEALTHY_SECONDS)
    (leaves,) = workers - {stays}
    deployment(cluster, "moving", 1, pool="general", apart_from="web", required=False)
    cluster.until(lambda _: ready_on(cluster, "moving") == [leaves], "no Pod moves", HEALTHY_SECONDS)
    played.taint(leaves)
    (pod,) = cluster.kubectl.items("pods", "--selector=app=moving")
    played.evict(pod["metadata"]["name"])
    cluster.until(lambda _: ready_on(cluster, "moving") == [stays], "the evicted Pod is lost", HEALTHY_SECONDS)
    removed(played, name, leaves, nodes[leaves]["spec"]["providerID"])
    assert set(cluster.look().workers) == {stays}

    cluster.kubectl.text("delete", "deployment", "web", "moving", "--wait")
    played.taint(stays)
    removed(played, name, stays, nodes[stays]["spec"]["providerID"])
    _, pool = played.aws()
    assert (pool["desired"], pool["provider_ids"]) == (0, {})
    cluster.healthy(HEALTHY_SECONDS)


def removed(played: Autoscaler, group: str, worker: str, provider_id: str) -> None:
    """End a worker as the autoscaler does, and wait until nothing of it is left.

    It deletes no Node, and may not: a cloud controller manager would. Here the leading agent does.
    """
    cluster = played.cluster
    played.aws("delete", group=group, provider_ids=[provider_id])

    def gone(seen: Seen) -> bool:
        drain = drain_of(cluster, worker)
        assert drain is None or drain.outcome in (None, DrainOutcome.DRAINED), drain
        return seen.state(worker) in ("terminated", "unknown") and worker not in cluster.nodes()

    cluster.until(gone, f"{worker} does not end, or its Node stays", 2 * HEALTHY_SECONDS)

    def told(_: Seen) -> bool:
        said = "deleted the Nodes of terminated instances: "
        return any(said in each and worker in each.partition(said)[2] for each in lines(cluster, CONTROL_PLANES))

    cluster.until(told, f"no agent says that it has deleted the Node of {worker}", HEALTHY_SECONDS)


def one(found: list[str]) -> list[str] | None:
    """The only one."""
    return found if len(found) == 1 else None


def tags_of_groups(cluster: ClusterHarness) -> list[dict[str, Any]]:
    """Of every group of the cluster."""
    groups = cluster.rehearsal.local.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return [tag for group in groups for tag in group["Tags"]]
