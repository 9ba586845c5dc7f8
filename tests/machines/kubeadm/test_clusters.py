"""kubeadm founds and joins on real machines with what our values tell it: two control planes and a worker."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rehearsal.binaries import BuildFailed, Missing, made_image
from rehearsal.cloud import runs
from rehearsal.machines import leftovers
from tests.machines.instances.bed import Bed
from tests.programs import MINORS
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, WORKER
from tests.unit.userdata.secrecy import leaks, pki_secrets, process_arguments
from tests.waiting import wait_for
from userdata.files import File, private
from userdata.kubeadm import api_server, discovery, founding, joining
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.node import Host, Node
from userdata.kubeadm.places import DISCOVERY_FILE, INIT_FILE, JOIN_FILE
from userdata.kubeadm.timeouts import Timeouts
from userdata.kubeadm.tokens import BootstrapToken, new_token
from userdata.pki import placing
from userdata.pki.issuing import new_pki
from userdata.pki.material import Pki

pytestmark = pytest.mark.slow

KUBEADM_SECONDS = 180
LIMITS = Timeouts()
# Where the tests run there may still be cgroup v1; conntrack's size is the whole computer's.
HOST = Host(cgroup_v1=not Path("/sys/fs/cgroup/cgroup.controllers").exists(), fixed_conntrack=True)


@dataclass
class Run:
    """A cluster, and everything that kubeadm printed while it came to be."""

    bed: Bed
    pki: Pki
    token: BootstrapToken
    founder: Node
    joiner: Node
    worker: Node
    printed: str = ""

    def kubectl(self, *arguments: str) -> Any:
        """What kubectl prints as JSON, on the founder."""
        command = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *arguments, "-o", "json"]
        done = self.bed.hypervisor.execute(self.founder.name, command, 30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def kubeadm(self, node: Node, files: Mapping[str, File], command: tuple[str, ...]) -> None:
        """Write files on a node and run kubeadm there."""
        place_files(self.bed, node.name, files)
        done = self.bed.hypervisor.execute(node.name, command, KUBEADM_SECONDS)
        self.printed += done.stdout + done.stderr
        assert done.returncode == 0, self.printed[-3000:]


def place_files(bed: Bed, instance_id: str, files: Mapping[str, File]) -> None:
    """Write files inside an instance; what they hold goes through a pipe."""
    script = "".join(
        f"install -D -m {file.mode:o} /dev/stdin {path} <<'END'\n{file.content}END\n" for path, file in files.items()
    )
    subprocess.run(bed.hypervisor.shell(instance_id), input=script, text=True, check=True, capture_output=True)


@pytest.fixture(scope="module", params=MINORS)
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """A cluster of each minor: founded, joined by a control plane and by a worker."""
    try:
        image = made_image(request.param)
    except (BuildFailed, Missing) as missing:
        pytest.skip(f"no image can be made here: {missing}")
    if image is None:
        pytest.skip(f"no image of {request.param} is made yet: make rehearsal-binaries")
    bed_id = secrets.token_hex(3)
    run_dir = runs.folder() / bed_id
    run_dir.mkdir(parents=True)
    bed = Bed(bed_id, run_dir)
    try:
        bed.image = image
        yield clustered(bed, image.kubernetes)
    finally:
        bed.close()
        shutil.rmtree(run_dir)
    assert not leftovers.find(bed_id)


def clustered(bed: Bed, version: str) -> Run:
    ids = [bed.launch(zone=number % 2) for number in range(3)]
    for instance_id in ids:
        bed.wait_state(instance_id, "running")
        wait_for(partial(serves, bed, instance_id), "the container runtime")
    founder, joiner, worker = (
        replace(node, name=instance_id, address=bed.described(instance_id)["PrivateIpAddress"])
        for node, instance_id in zip((CONTROL_PLANE, CONTROL_PLANE, WORKER), ids, strict=True)
    )
    # There is no balancer here: the founder stands for it.
    cluster = replace(CLUSTER, version=version, endpoint=founder.address)
    now = datetime.now(UTC)
    made = Run(bed, new_pki(now), new_token(), founder, joiner, worker)
    found(made, cluster)
    join_control_plane(made, cluster, now)
    join_worker(made, cluster)
    return made


def found(run: Run, cluster: Cluster) -> None:
    configuration = founding.configuration(cluster, run.founder, run.token, 3600, HOST, LIMITS)
    files = {**keys(run.pki), INIT_FILE: private(configuration)}
    run.kubeadm(run.founder, files, founding.COMMAND)


def join_control_plane(run: Run, cluster: Cluster, now: datetime) -> None:
    found_by = discovery.for_control_plane(run.pki.cluster, cluster.server, run.joiner.name, now)
    files = {
        **keys(run.pki),
        DISCOVERY_FILE: private(found_by),
        JOIN_FILE: private(joining.control_plane(run.joiner, HOST, LIMITS)),
    }
    run.kubeadm(run.joiner, files, joining.COMMAND)


def join_worker(run: Run, cluster: Cluster) -> None:
    files = {
        DISCOVERY_FILE: private(discovery.for_worker(run.pki.cluster.bundle, cluster.server, run.token)),
        JOIN_FILE: private(joining.worker(run.worker, HOST, LIMITS)),
    }
    run.kubeadm(run.worker, files, joining.COMMAND)


def keys(pki: Pki) -> dict[str, File]:
    return {**placing.files(pki), **api_server.files(pki.encryption)}


def serves(bed: Bed, instance: str) -> bool:
    """Whether containerd has its CRI: the unit is active earlier."""
    try:
        return "ok" in bed.run(instance, "ctr plugins ls 2>/dev/null | grep 'io.containerd.grpc.v1 *cri ' || true")
    except ProcessLookupError:
        return False


def nodes(run: Run) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in run.kubectl("get", "nodes")["items"]}


def test_all_three_are_nodes_by_their_instances_names(run: Run) -> None:
    assert nodes(run).keys() == {run.founder.name, run.joiner.name, run.worker.name}


def test_a_node_says_which_instance_it_is_and_where(run: Run) -> None:
    for node in (run.founder, run.joiner, run.worker):
        found = nodes(run)[node.name]
        labels = found["metadata"]["labels"]
        assert found["spec"]["providerID"] == node.provider_id
        assert labels["topology.kubernetes.io/zone"] == node.zone
        assert labels["topology.kubernetes.io/region"] == node.region
        assert labels["node.kubernetes.io/instance-type"] == node.instance_type
        assert {"type": "InternalIP", "address": node.address} in found["status"]["addresses"]


def test_a_worker_has_its_pools_labels_and_taints_and_reserves_what_it_was_told(run: Run) -> None:
    found = nodes(run)[run.worker.name]
    assert {"example.com/disk": "ssd", "tier": ""}.items() <= found["metadata"]["labels"].items()
    taints = {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in found["spec"]["taints"]}
    assert {(taint.key, taint.value, taint.effect) for taint in run.worker.taints} <= taints
    capacity, allocatable = (int(found["status"][each]["memory"].rstrip("Ki")) for each in ("capacity", "allocatable"))
    # The kubelet keeps 100 MiB more before it evicts.
    assert capacity - allocatable == (2662 + 100) * 1024


def test_only_control_planes_keep_pods_away(run: Run) -> None:
    key = "node-role.kubernetes.io/control-plane"
    tainted = {name for name, node in nodes(run).items() if key in {each["key"] for each in node["spec"]["taints"]}}
    assert tainted == {run.founder.name, run.joiner.name}


def test_kubelets_ask_for_serving_certificates(run: Run) -> None:
    wanted = {f"system:node:{node.name}" for node in (run.founder, run.joiner, run.worker)}

    def asked() -> bool:
        requests = [each["spec"] for each in run.kubectl("get", "certificatesigningrequests")["items"]]
        return wanted == {
            each["username"] for each in requests if each["signerName"] == "kubernetes.io/kubelet-serving"
        }

    wait_for(asked, "every kubelet's request for a serving certificate")


def test_no_addon_was_installed(run: Run) -> None:
    kinds = run.kubectl("get", "deployments,daemonsets", "--all-namespaces")["items"]
    assert kinds == []


def test_the_token_may_authenticate_and_sign_nothing(run: Run) -> None:
    secret = run.kubectl("get", "secret", "-n", "kube-system", f"bootstrap-token-{run.token.token_id}")["data"]
    assert "usage-bootstrap-authentication" in secret
    assert "usage-bootstrap-signing" not in secret


def test_nothing_secret_was_printed_or_is_on_a_command_line(run: Run) -> None:
    held = {**pki_secrets(run.pki), "token": run.token.secret}
    assert leaks(held, [("what kubeadm printed", run.printed.encode())]) == []
    assert leaks(held, process_arguments()) == []


def test_nothing_secret_can_be_read_by_others_than_root(run: Run) -> None:
    folders = "/etc /var/lib/kubelet /var/lib/etcd /var/log /run/containerd /tmp"
    for node in (run.founder, run.joiner, run.worker):
        found = run.bed.run(node.name, f"find {folders} -xdev -type f -perm /077 -print0 | xargs -0 cat", 60)
        held = {**pki_secrets(run.pki), "token": run.token.secret}
        assert leaks(held, [(f"files of {node.name}", found.encode())]) == []
