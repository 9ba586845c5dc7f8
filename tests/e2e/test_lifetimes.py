"""A year in minutes: tokens and certificates are short-lived, and the cluster outlives them all without a human."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from coordination.names import AccessGroup
from deployment import kubeconfig
from deployment.kubeconfig import Wanted
from rehearsal.cloud.rehearse import Kubectl
from rehearsal.local import stacks
from rehearsal.local.steps import STACK
from tests.e2e.harness import ClusterHarness, running
from tests.e2e.scaling import raise_capacity, workers

LEAF_SECONDS = 600
"""Two thirds of it go by before a renewal is due, and the last third is enough for three nodes, one after another."""
KUBELET_SECONDS = 600
"""A kubelet asks for the next one when a tenth to a third is left, and nobody judges while the leader's API server is
away: long enough to bear several restarts of it."""
TOKEN_SECONDS = 120
SHORT = {
    "pace": {"heartbeat": 5, "look": 1, "token": TOKEN_SECONDS},
    "leases": {"lease": 6, "renew": 1.5},
    "lifetimes": {"leaf": LEAF_SECONDS, "kubelet": KUBELET_SECONDS},
}
HEALTHY_SECONDS = 420.0
PAUSE_SECONDS = 5.0

# A line for each certificate of a node: the path of its file or the port of its server, and when it ends.
FILES = "/etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-*-current.pem"
ENDS = f"""\
for file in {FILES}; do
  [ ! -e "$file" ] || echo "$file $(openssl x509 -noout -enddate -in "$file")"
done
for port in 2379 6443 10250; do
  served=$({{ openssl s_client -connect "127.0.0.1:$port" </dev/null | openssl x509 -noout -enddate; }} 2>/dev/null)
  [ -z "$served" ] || echo "$port $served"
done
"""
AUTHORITIES = ("/ca.crt", "front-proxy-ca.crt")
SERVERS = {True: {"2379", "6443", "10250"}, False: {"10250"}}
"""The ports of a control plane, and of a worker."""


def test_a_cluster_outlives_its_certificates_and_tokens_and_a_new_worker_joins(tmp_path: Path) -> None:
    with running(tmp_path, node_settings=SHORT, parameters={"GeneralMinSize": "1"}) as cluster:
        young = cluster.healthy(HEALTHY_SECONDS)
        person = persons(cluster, tmp_path / "person")
        assert len(person.items("nodes")) >= len(young.control_planes)
        person_ends = ends_of_person(person.kubeconfig)
        assert LEAF_SECONDS - 60 < person_ends - time.time() <= LEAF_SECONDS
        first_worker = workers(cluster, young, 1)
        first = {name: ends(cluster, name) for name in sorted(young.running)}
        last = max(moment for found in first.values() for moment in found.values())
        expired: list[str] = []
        while time.time() <= last:
            expired += [line for name in sorted(young.running) for line in over(cluster, name)]
            time.sleep(PAUSE_SECONDS)
        assert not expired, "\n".join(sorted(set(expired)))
        # A person's, too, ends when it says, and the API server knows him no more.
        time.sleep(max(0.0, person_ends - time.time()) + PAUSE_SECONDS)
        refused = person.run("get", "nodes")
        assert refused.returncode != 0
        assert "must be logged in" in refused.stderr or "provide credentials" in refused.stderr, refused.stderr
        # The administrator's certificate may have ended, too: he gets another one.
        cluster.close()
        grown = cluster.look()
        raise_capacity(cluster, 2)
        assert len(workers(cluster, grown, 2) - first_worker) == 1
        old = cluster.healthy(HEALTHY_SECONDS)
        assert old.record is not None
        assert young.record is not None
        assert (old.record.epoch, old.record.etcd_cluster_id) == (1, young.record.etcd_cluster_id)
        for name, found in first.items():
            now = ends(cluster, name)
            assert now.keys() >= SERVERS[name in young.control_planes]
            assert not [what for what, moment in found.items() if now[what] <= moment], (name, found, now)


def persons(cluster: ClusterHarness, file: Path) -> Kubectl:
    """kubectl with a certificate that ends as soon as the API server's own ones, as `make kubeconfig` gets it."""
    operator, local = cluster.rehearsal.operator, cluster.rehearsal.local
    policy = stacks.outputs(local.client("cloudformation"), STACK)["ViewOperatorPolicyArn"]
    iam = local.client("iam")
    iam.attach_user_policy(UserName=operator.name, PolicyArn=policy)
    try:
        kubeconfig.run(operator, Wanted(STACK, AccessGroup.VIEW, LEAF_SECONDS, file))
    finally:
        iam.detach_user_policy(UserName=operator.name, PolicyArn=policy)
    return replace(cluster.kubectl, kubeconfig=file)


def ends_of_person(file: Path) -> float:
    """When the certificate in a kubeconfig ends, in seconds since 1970."""
    user = json.loads(file.read_text(encoding="utf-8"))["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    return certificate.not_valid_after_utc.timestamp()


def ends(cluster: ClusterHarness, instance_id: str) -> dict[str, float]:
    """When each certificate of an instance ends, in seconds since 1970: those in files, and those that are served."""
    found = {}
    for line in cluster.shell(instance_id, ENDS).stdout.splitlines():
        what, _, end = line.partition(" ")
        if not what.endswith(AUTHORITIES):
            found[what] = (
                datetime.strptime(end.removeprefix("notAfter="), "%b %d %H:%M:%S %Y GMT")
                .replace(tzinfo=UTC)
                .timestamp()
            )
    return found


def over(cluster: ClusterHarness, instance_id: str) -> list[str]:
    """The certificates of an instance that have ended."""
    now = time.time()
    return [f"{instance_id}: {what} has ended" for what, moment in ends(cluster, instance_id).items() if moment < now]
