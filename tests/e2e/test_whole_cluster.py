"""All start at once, two join at once, none keeps admin.conf, all are rebooted at once, and one of a whole cluster is
lost."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import pytest

from coordination.record import Phase
from tests.e2e import lent_pods
from tests.e2e.harness import ClusterHarness, Json, Seen, running
from tests.e2e.replacing import replaced, terminate
from userdata.addons.places import NAMESPACE, RECORD

SHORT = {
    "pace": {"heartbeat": 5, "look": 1},
    "leases": {"lease": 6, "renew": 1.5},
}
HEALTHY_SECONDS = 420.0
UNDER_THE_LEASE = ("clean", "configure", "joining-row", "check-gate", "kubeadm-join")
BEFORE_REBOOT = "/run/holdfast-before-reboot"
"""In memory, so that it is gone after a reboot."""
ADMIN_FILE = "/etc/kubernetes/admin.conf"
"""kubeadm's kubeconfig of an administrator, which nothing but a person's shell on the node may need."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster with one worker."""
    with running(tmp_path_factory.mktemp("whole"), node_settings=SHORT, parameters={"GeneralMinSize": "1"}) as cluster:
        yield cluster


def test_of_three_that_start_at_once_one_founds_and_two_join_one_after_the_other(cluster: ClusterHarness) -> None:
    whole = cluster.healthy(HEALTHY_SECONDS)
    assert whole.record is not None
    assert (whole.record.phase, whole.record.epoch) == (Phase.READY, 1)
    joiners = sorted(whole.control_planes - {whole.record.owner})
    assert len(joiners) == 2
    logs = {name: cluster.log(name) for name in sorted(whole.control_planes)}
    founded = [name for name, lines in logs.items() if any(line["stage"] == "kubeadm-init" for line in lines)]
    assert founded == [whole.record.owner]
    first, second = sorted(leased(logs[name]) for name in joiners)
    assert first[1] <= second[0], f"two joined at the same time: {first}, {second}"


def test_pods_of_different_nodes_reach_each_other_and_names_are_resolved_on_a_worker(cluster: ClusterHarness) -> None:
    whole = cluster.healthy(HEALTHY_SECONDS)
    ready(cluster, whole)
    (worker,), control_plane = whole.workers, min(whole.control_planes)
    serving = (lent_pods.PYTHON, "-m", "http.server", "8080")
    with lent_pods.running(cluster, control_plane, "serving", serving) as address:
        asking = f"import urllib.request as u; u.urlopen('http://{address}:8080', timeout=20)"
        assert lent_pods.code_of(cluster, worker, "asking", (lent_pods.PYTHON, "-c", asking)) == 0
    resolving = "import socket; socket.getaddrinfo('kubernetes.default.svc.cluster.local', 443)"
    assert lent_pods.code_of(cluster, worker, "resolving", (lent_pods.PYTHON, "-c", resolving)) == 0


def test_without_admin_conf_on_any_node_others_join_and_add_ons_are_installed_and_nobody_misses_it(
    cluster: ClusterHarness,
) -> None:
    """It stays so for the tests that follow."""
    before = cluster.healthy(HEALTHY_SECONDS)
    ready(cluster, before)
    put_away(cluster, before.control_planes)
    assert before.record is not None
    leaving, (worker,) = min(before.control_planes - {before.record.owner}), before.workers
    terminate(cluster, leaving)
    terminate(cluster, worker)
    after = replaced(cluster, before, leaving)
    put_away(cluster, after.control_planes - before.control_planes)
    after = cluster.until(
        lambda seen: seen if worker not in seen.workers and len(seen.workers) == 1 else None,
        f"{worker} is not replaced",
        HEALTHY_SECONDS,
    )
    ready(cluster, after)
    cluster.kubectl.text("delete", "configmap", RECORD, f"--namespace={NAMESPACE}")
    cluster.until(lambda _: is_recorded(cluster), "no agent installs the add-ons again", HEALTHY_SECONDS)
    for name in sorted(after.control_planes):
        told = json.loads(cluster.shell(name, "holdfast-node status --json || true").stdout)["parts"]["certificates"]
        assert told["found"], told
        assert (told["attention"], told["unknown"]) == ([], [])
    assert cluster.kubectl.text("get", "--raw", "/readyz") == "ok"
    whole = cluster.healthy(HEALTHY_SECONDS)
    assert whole.control_planes == after.control_planes
    cluster.until(lambda seen: not seen.conditions, "a condition stays", HEALTHY_SECONDS)


def test_after_a_reboot_of_every_node_at_once_the_cluster_comes_back(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    ready(cluster, before)
    for name in sorted(before.running):
        assert cluster.shell(name, f"touch {BEFORE_REBOOT}").returncode == 0
    started = {name: before.boots[name].started_at for name in before.running}
    for name in sorted(before.running):
        cluster.act("reboot", name)
    again = cluster.until(lambda seen: all_again(seen, started), "not every instance boots again", HEALTHY_SECONDS)
    assert again.running == before.running
    after = cluster.healthy(HEALTHY_SECONDS)
    ready(cluster, after)
    for name in sorted(before.running):
        assert cluster.shell(name, f"test -e {BEFORE_REBOOT}").returncode == 1
    assert after.record is not None
    assert before.record is not None
    same = (before.record.epoch, before.record.etcd_cluster_id, before.record.owner)
    assert (after.record.epoch, after.record.etcd_cluster_id, after.record.owner) == same
    assert after.members.keys() == before.members.keys()


def test_a_founder_lost_after_the_others_had_joined_is_replaced(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    assert before.record is not None
    lost = before.record.owner
    cluster.act("lose", lost)
    whole = cluster.until(lambda seen: without(cluster, seen, lost), f"{lost} is not replaced", HEALTHY_SECONDS)
    assert whole.record is not None
    assert (whole.record.epoch, whole.record.phase) == (before.record.epoch, Phase.READY)
    assert whole.record.etcd_cluster_id == before.record.etcd_cluster_id
    assert len(whole.control_planes - before.control_planes) == 1


def put_away(cluster: ClusterHarness, instances: Collection[str]) -> None:
    """Rename the administrator's kubeconfig of control planes."""
    for name in sorted(instances):
        done = cluster.shell(name, f"mv {ADMIN_FILE} {ADMIN_FILE}.away")
        assert done.returncode == 0, done.stderr


def is_recorded(cluster: ClusterHarness) -> bool:
    """Whether the add-ons are recorded as installed."""
    return bool(cluster.kubectl.text("get", "configmap", RECORD, f"--namespace={NAMESPACE}", "--ignore-not-found"))


def without(cluster: ClusterHarness, seen: Seen, lost: str) -> Seen | None:
    """Whether a cluster without the lost instance is healthy."""
    return seen if lost not in seen.control_planes and not cluster.unhealthy(seen) else None


def leased(lines: Sequence[Json]) -> tuple[float, float]:
    """From when to when, in seconds since 1970, a joiner did what is done under the lease."""
    mine = [line for line in lines if line["stage"] in UNDER_THE_LEASE and line["outcome"] != "waiting"]
    assert mine, lines
    return min(line["at"] - line["seconds"] for line in mine), max(line["at"] for line in mine)


def all_again(seen: Seen, started: dict[str, int | None]) -> Seen | None:
    """Whether every instance has written its row anew."""
    return seen if all(seen.boots[name].started_at != since for name, since in started.items()) else None


def ready(cluster: ClusterHarness, seen: Seen) -> None:
    """Wait until every running instance, and nothing else, is a Ready node."""
    everyone = dict.fromkeys(seen.running, True)
    cluster.until(lambda _: cluster.nodes() == everyone, "not every node is Ready", HEALTHY_SECONDS)
