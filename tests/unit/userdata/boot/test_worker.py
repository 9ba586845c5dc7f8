"""A worker's boot from its user data to a Ready node: what it waits for, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from coordination.names import CLUSTER_ITEM
from coordination.record import Phase
from tests.unit.userdata.boot.faults import REFUSED, Fault
from tests.unit.userdata.boot.signing_api import place as place  # a fixture
from tests.unit.userdata.boot.worker_endings import gave_up, keeps_no_secret, serves, stopped
from tests.unit.userdata.boot.worker_world import CPUS, JOIN_DATA, SECONDS, VERSION, Table, WorkerWorld, unready
from tests.unit.userdata.boot.worker_world import world as world  # a fixture
from tests.unit.userdata.secrecy import leaks, texts
from userdata.boot.end import End
from userdata.host.commands import Finished
from userdata.kubeadm.places import DISCOVERY_FILE, JOIN_FILE, KUBEADM_FOLDER, KUBELET_FILE
from userdata.logs.lines import StageFailed
from userdata.pki.issuing import new_authority

EVENTS = (
    *("table: get cluster", "machine: version", "ssm: join data", "row: fingerprint", "api: ask", "api: look"),
    *("run: kubeadm join", "kubelet: asks", "kubeadm: ends", "run: kubectl get node"),
)
STAGES = (
    "boot",
    "settings",
    "clock",
    "pool",
    "join-data",
    "certificate",
    "kubeadm-join",
    "node-ready",
    "node",
)


def test_a_worker_does_everything_once_and_in_this_order(world: WorkerWorld) -> None:
    assert world.boots() is End.SERVES
    serves(world)
    keeps_no_secret(world)
    assert tuple(world.events) == EVENTS
    assert tuple(dict.fromkeys(row["Stage"] for row in world.rows)) == STAGES
    assert len(world.api.stored) == 1
    assert world.reasons() == []


def test_the_search_for_secrets_knows_them_and_finds_one(world: WorkerWorld) -> None:
    world.boots()
    assert sorted(name.split()[0] for name in world.secrets) == ["key", "token"]
    assert leaks(world.secrets, texts(parameter=world.parameters[JOIN_DATA]))


def test_while_kubeadm_runs_only_root_may_read_what_it_is_told(world: WorkerWorld) -> None:
    modes: dict[str, str] = {}

    def look(number: int, event: str) -> None:
        if event == "kubelet: asks":
            for path in (
                KUBEADM_FOLDER,
                DISCOVERY_FILE,
                JOIN_FILE,
                "/var/lib/holdfast",
                "/var/lib/holdfast/first-key.pem",
            ):
                modes[path] = f"{(world.root / path.lstrip('/')).stat().st_mode & 0o777:o}"

    world.fault = look
    assert world.boots() is End.SERVES
    assert list(modes.values()) == ["700", "600", "600", "700", "600"]


def test_a_pools_labels_and_taints_reach_kubeadm(world: WorkerWorld) -> None:
    pool = json.loads(world.parameters["/h/pools/general"])
    taint = {"key": "only", "effect": "NoSchedule", "value": "batch"}
    removed = {"key": "ebs.csi.aws.com/agent-not-ready", "effect": "NoExecute", "value": "x"}
    settings = {**pool, "labels": {"tier": "batch"}, "taints": [taint], "startup-taints": [removed]}
    world.parameters["/h/pools/general"] = json.dumps(settings)
    told: dict[str, Any] = {}

    def look(number: int, event: str) -> None:
        if event == "kubelet: asks":
            told.update(
                json.loads((world.root / JOIN_FILE.lstrip("/")).read_text(encoding="utf-8"))["nodeRegistration"]
            )

    world.fault = look
    assert world.boots() is End.SERVES
    assert told["taints"] == [taint, removed]
    assert "tier=batch" in {each["name"]: each["value"] for each in told["kubeletExtraArgs"]}["node-labels"]


# what it waits for


def no_record(world: WorkerWorld) -> str:
    world.table = Table(world)
    return "the cluster is not initialised yet"


def in_phase(phase: Phase) -> Callable[[WorkerWorld], str]:
    def prepare(world: WorkerWorld) -> str:
        restored = "backup" if phase is Phase.RESTORING else ""
        world.store(replace(world.record, phase=phase, restore_from=restored))
        return "the cluster is not initialised yet"

    return prepare


def record_unknown(world: WorkerWorld) -> str:
    world.table.store({"Id": CLUSTER_ITEM, "Phase": "ready"})
    return "ClusterId"


def nothing_published(world: WorkerWorld) -> str:
    del world.parameters[JOIN_DATA]
    return "no agent has published join data yet"


def spoilt(world: WorkerWorld) -> str:
    world.parameters[JOIN_DATA] = "{}"
    return "/h/join/data: the join data has no epoch"


def published(reason: str, **instead: Any) -> Callable[[WorkerWorld], str]:
    """Join data that are other ones in this."""

    def prepare(world: WorkerWorld) -> str:
        world.publish(replace(world.data, **instead))
        return reason

    return prepare


def believing(bundle: Callable[[str, str], str]) -> Callable[[WorkerWorld], str]:
    """Join data whose authorities are made of the cluster's own and another one."""

    def prepare(world: WorkerWorld) -> str:
        other = new_authority("kubernetes", datetime.now(UTC)).bundle
        world.publish(replace(world.data, bundle=bundle(world.data.bundle, other)))
        return "the join data names another CA than the cluster's record"

    return prepare


def record_without_hashes(world: WorkerWorld) -> str:
    world.store(replace(world.record, ca_hashes=""))
    return "the join data names another CA than the cluster's record"


def kubeadm_is_silent(world: WorkerWorld) -> str:
    world.fault = lambda number, event: Fault.FAILS if event == "machine: version" else None
    return "kubeadm version: as the test wants it"


def of_an_older_cluster(world: WorkerWorld) -> str:
    world.store(replace(world.record, kubernetes_version="v1.36.9"))
    return f"this image has Kubernetes {VERSION}, and the cluster's control plane is v1.36.9"


NO_BUNDLE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
LACKS: Mapping[str, Callable[[WorkerWorld], str]] = {
    "a record": no_record,
    "a kubeadm that says its version": kubeadm_is_silent,
    "a cluster that is as new as it is": of_an_older_cluster,
    "a founder that is done": in_phase(Phase.CLAIMED),
    "a restore that is done": in_phase(Phase.RESTORING),
    "a record that can be understood": record_unknown,
    "the authority's hash in the record": record_without_hashes,
    "join data": nothing_published,
    "join data that can be understood": spoilt,
    "join data of this epoch": published("the join data is of epoch 2, and epoch 3 is ready", epoch=2),
    "join data of this etcd cluster": published("the join data is of epoch 3, and", etcd_cluster_id="e2"),
    "join data with a certificate": published("the join data's CA cannot be read: openssl x509", bundle=NO_BUNDLE),
    "join data of this authority": believing(lambda own, other: other),
    "join data of this authority alone": believing(lambda own, other: own + other),
}


@pytest.mark.parametrize("lack", LACKS.values(), ids=LACKS)
def test_a_worker_makes_no_key_and_asks_nobody_until_it_has(
    world: WorkerWorld, lack: Callable[[WorkerWorld], str]
) -> None:
    reason = lack(world)
    naps: list[bool] = []

    def comes() -> None:
        naps.append(bool(world.api.calls) or world.has("/var/lib/holdfast"))
        if len(naps) == 3:
            world.store(world.record)
            world.publish(world.data)
            world.fault = lambda number, event: None

    world.while_asleep = comes
    assert world.boots() is End.SERVES
    serves(world)
    assert naps == [False, False, False]
    (told,) = world.reasons()
    assert reason in told


@pytest.mark.parametrize("lack", LACKS.values(), ids=LACKS)
def test_a_worker_that_lacks_it_for_too_long_gives_up_its_place_and_says_what_it_lacks(
    world: WorkerWorld, lack: Callable[[WorkerWorld], str]
) -> None:
    reason = lack(world)
    assert world.boots() is End.FAILED
    gave_up(world, reason)
    assert f"it is no Ready node after {SECONDS} s" in str(world.row["Reason"])
    assert world.now == pytest.approx(SECONDS, abs=10)
    assert world.api.calls == []


# what ends it for good


@pytest.mark.parametrize("number", [0, 1, 2])
def test_while_a_cluster_is_deleted_a_worker_stops_and_is_not_replaced(world: WorkerWorld, number: int) -> None:
    # The token is refused, so that the record is read again and again.
    world.api.tokens = set()
    looks: list[str] = []

    def deleted(at: int, event: str) -> None:
        looks.extend([event] if event == "table: get cluster" else [])
        if len(looks) == number + 1:
            world.deletion_begins()

    world.fault = deleted
    assert world.boots() is End.STOPPED
    stopped(world, "the cluster is being deleted")
    assert not world.has(KUBELET_FILE)
    assert len(looks) == number + 1


def test_a_worker_whose_table_belongs_to_another_cluster_stops_and_is_not_replaced(world: WorkerWorld) -> None:
    world.store(replace(world.record, cluster_id="arn:another"))
    assert world.boots() is End.STOPPED
    stopped(world, "the table belongs to the cluster arn:another")
    assert world.api.calls == []


def test_what_kubeadm_says_can_never_help_gives_the_place_up_at_once(world: WorkerWorld) -> None:
    world.fault = lambda number, event: Fault.ENDS if event == "run: kubeadm join" else None
    assert world.boots() is End.FAILED
    gave_up(world, "kubeadm's check NumCPU failed")
    assert world.events.count("run: kubeadm join") == 1
    assert CPUS not in "".join(world.lines)


def test_what_only_passes_in_time_is_tried_until_the_time_is_over(world: WorkerWorld) -> None:
    world.fault = lambda number, event: Fault.FAILS if event == "run: kubeadm join" else None
    assert world.boots() is End.FAILED
    gave_up(world, "the other side did not answer, or not in time")
    assert world.events.count("run: kubeadm join") > 10
    assert world.now == pytest.approx(SECONDS, abs=10)


def test_a_worker_that_cannot_say_that_it_gives_up_fails_and_is_started_again(world: WorkerWorld) -> None:
    def ends(number: int, event: str) -> Fault | None:
        return {"run: kubeadm join": Fault.ENDS, "machine: power off": Fault.FAILS}.get(event)

    world.fault = ends
    with pytest.raises(StageFailed):
        world.boots()
    assert world.row["Stage"] == "launch-abandoned"
    world.fault = lambda number, event: ends(number, event) if event == "run: kubeadm join" else None
    assert world.boots() is End.FAILED
    gave_up(world, "kubeadm's check NumCPU failed")


# the node

UNREADY: Mapping[str, tuple[Finished, str]] = {
    "a reason of the kubelet's": (unready("cni plugin not initialized"), "the node is not ready: cni plugin not"),
    "no status yet": (Finished(0, "{}"), "the node is not ready: the kubelet has said nothing"),
    "a condition without its status": (Finished(0, '{"status": {"conditions": [{"type": "Ready"}]}}'), '{"status"'),
    "no Node": (Finished(1, 'Error from server (NotFound): nodes "i-0123456789abcdef0" not found'), "NotFound"),
    "no API": (Finished(1, REFUSED), "the other side did not answer, or not in time"),
    "nothing at all": (Finished(None, ""), "it failed and said nothing"),
    "a list": (Finished(0, "[]"), "[]"),
}


@pytest.mark.parametrize(("said", "reason"), UNREADY.values(), ids=UNREADY)
def test_a_worker_waits_while_kubectl_says(world: WorkerWorld, said: Finished, reason: str) -> None:
    world.kubectl = [said] * 3
    assert world.boots() is End.SERVES
    serves(world)
    (told,) = world.reasons()
    assert told.startswith(reason) or reason in told


@pytest.mark.parametrize(("said", "reason"), UNREADY.values(), ids=UNREADY)
def test_a_node_that_never_becomes_ready_gives_its_place_up(world: WorkerWorld, said: Finished, reason: str) -> None:
    world.kubectl = [said] * 100
    assert world.boots() is End.FAILED
    gave_up(world, reason)
