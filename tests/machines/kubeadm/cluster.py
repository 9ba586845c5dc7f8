"""A cluster of two control planes and a worker on real machines, founded and joined by what our values tell kubeadm."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from imagebuilder import places
from rehearsal.cloud import runs
from rehearsal.machines import leftovers
from tests.images import made_or_skip
from tests.machines.instances.harness import InstanceHarness
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, WORKER
from tests.waiting import wait_for
from userdata.host.files import File, private
from userdata.kubeadm import api_server, discovery, init_config, join_config
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.documents import Timeouts, text
from userdata.kubeadm.node import Host, Node
from userdata.kubeadm.oidc import OidcIssuer
from userdata.kubeadm.places import DISCOVERY_FILE, INIT_FILE, JOIN_FILE
from userdata.kubeadm.tokens import BootstrapToken, new_token
from userdata.pki import placing
from userdata.pki.issuing import new_pki
from userdata.pki.material import Pki

KUBEADM_SECONDS = 180
LIMITS = Timeouts()
# Where the tests run there may still be cgroup v1; conntrack's size is the whole computer's.
HOST = Host(cgroup_v1=not Path("/sys/fs/cgroup/cgroup.controllers").exists(), fixed_conntrack=True)
# The founder is told of two, and nobody answers by these names.
ISSUERS = tuple(
    OidcIssuer(f"https://{name}.example.com", "", ("kubernetes",), "", "sub", f"{name}:", "groups", f"{name}:", {})
    for name in ("one", "two")
)


@dataclass
class Run:
    """A cluster, and everything that kubeadm printed while it came to be."""

    harness: InstanceHarness
    cluster: Cluster
    pki: Pki
    token: BootstrapToken
    founder: Node
    joiner: Node
    worker: Node
    stranger: str
    """An instance that belongs to no cluster."""
    printed: str = ""

    def kubectl(self, *arguments: str) -> Any:
        """What kubectl prints as JSON, on the founder."""
        command = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *arguments, "-o", "json"]
        done = self.harness.hypervisor.execute(self.founder.name, command, 30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def kubeadm(self, node: Node, files: Mapping[str, File], command: tuple[str, ...]) -> None:
        """Write files on a node and run kubeadm there."""
        status, said = self.try_kubeadm(node.name, files, command)
        assert status == 0, said[-3000:]

    def try_kubeadm(self, instance_id: str, files: Mapping[str, File], command: tuple[str, ...]) -> tuple[int, str]:
        """The same where it may fail: its status, and all that it printed."""
        place_files(self.harness, instance_id, files)
        done = self.harness.hypervisor.execute(instance_id, command, KUBEADM_SECONDS)
        said = done.stdout + done.stderr
        self.printed += said
        return done.returncode, said


def place_files(harness: InstanceHarness, instance_id: str, files: Mapping[str, File]) -> None:
    """Write files inside an instance; what they hold goes through a pipe."""
    script = "".join(
        f"install -D -m {file.mode:o} /dev/stdin {path} <<'END'\n{file.content}END\n" for path, file in files.items()
    )
    subprocess.run(harness.hypervisor.shell(instance_id), input=script, text=True, check=True, capture_output=True)


@contextmanager
def harness_of(minor: str) -> Iterator[InstanceHarness]:
    """A harness that boots the image of a minor; skipped where that is not made. Nothing of it is left afterwards."""
    image = made_or_skip(minor)
    cloud_id = secrets.token_hex(3)
    run_dir = runs.folder() / cloud_id
    run_dir.mkdir(parents=True)
    harness = InstanceHarness(cloud_id, run_dir)
    try:
        harness.image = image
        yield harness
    finally:
        harness.close()
        shutil.rmtree(run_dir)
    assert not leftovers.find(cloud_id)


def clustered(harness: InstanceHarness, version: str) -> Run:
    """A cluster of this version of Kubernetes on new instances."""
    ids = [harness.launch(zone=number % 2) for number in range(4)]
    for instance_id in ids:
        harness.wait_state(instance_id, "running")
        prepare(harness, instance_id)
    founder, joiner, worker = (
        replace(node, name=instance_id, address=harness.described(instance_id)["PrivateIpAddress"])
        for node, instance_id in zip((CONTROL_PLANE, CONTROL_PLANE, WORKER), ids[:3], strict=True)
    )
    # There is no balancer here: the founder stands for it.
    cluster = replace(CLUSTER, version=version, endpoint=founder.address)
    now = datetime.now(UTC)
    made = Run(harness, cluster, new_pki(now), new_token(), founder, joiner, worker, stranger=ids[3])
    found(made)
    join_control_plane(made, now)
    join_worker(made)
    return made


def found(run: Run) -> None:
    configuration = init_config.configuration(run.cluster, run.founder, run.token, 3600, HOST, LIMITS)
    files = {**keys(run.pki, ISSUERS), INIT_FILE: private(configuration)}
    run.kubeadm(run.founder, files, init_config.COMMAND)


def join_control_plane(run: Run, now: datetime) -> None:
    found_by = discovery.for_control_plane(run.pki.cluster, run.cluster.server, run.joiner.name, now)
    files = {
        **keys(run.pki),
        DISCOVERY_FILE: private(found_by),
        JOIN_FILE: private(join_config.control_plane(run.joiner, HOST, LIMITS)),
    }
    run.kubeadm(run.joiner, files, join_config.COMMAND)


def join_worker(run: Run) -> None:
    files = {
        DISCOVERY_FILE: private(by_token(run.pki.cluster.bundle, run.cluster.server, run.token)),
        JOIN_FILE: private(join_config.worker(run.worker, HOST, LIMITS)),
    }
    run.kubeadm(run.worker, files, join_config.COMMAND)


def by_token(bundle: str, server: str, token: BootstrapToken) -> str:
    """A discovery file of one who has nothing but a bootstrap token."""
    return text(discovery.kubeconfig(bundle, server, {"token": token.text}))


def keys(pki: Pki, issuers: Sequence[OidcIssuer] = ()) -> dict[str, File]:
    return {**placing.files(pki), **api_server.files(pki.encryption, (), issuers)}


def prepare(harness: InstanceHarness, instance_id: str) -> None:
    """Wait until an instance can take kubeadm."""
    wait_for(partial(serves, harness, instance_id), "the container runtime")
    # The kubelet requires a unit of the node program's, which is not in this image: etcd's data is on the root volume.
    nothing = File("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    place_files(harness, instance_id, {f"/etc/systemd/system/{places.ETCD_DISK_UNIT}": nothing})
    harness.run(instance_id, "systemctl daemon-reload")


def serves(harness: InstanceHarness, instance: str) -> bool:
    """Whether containerd has its CRI: the unit is active earlier."""
    try:
        return "ok" in harness.run(instance, "ctr plugins ls 2>/dev/null | grep 'io.containerd.grpc.v1 *cri ' || true")
    except ProcessLookupError:
        return False
