"""A real API server with the rights that kubeadm and the founder give, asked through our client."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from coordination import boots
from coordination.boots import Boot
from coordination.instances import GroupInstance
from coordination.outcomes import Done, Item, Known, Reading
from coordination.writes import as_item
from tests.integration.node.api_server import ApiServer
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.waiting import wait_for
from userdata.host.files import private, write
from userdata.host.https import Credentials
from userdata.kube import rights
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kube.resources import CLUSTER_ROLE_BINDINGS, SIGNING_REQUESTS, Object
from userdata.kube.rights import CLIENT_SIGNER
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.tokens import GROUP
from userdata.pki.issuing import Subject

INSTANCE = "i-0123456789abcdef0"
_RBAC = "rbac.authorization.k8s.io"


def binding(name: str, role: str, group: str) -> Object:
    """A ClusterRoleBinding as kubeadm makes them."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "Group", "apiGroup": _RBAC, "name": group}],
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
    }


class Kube:
    """Whoever a test wants to ask as."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.access = Access(INSTANCE, server.root)
        self.agent = Api(server.address, self.access.agent)
        self.master = self.user(Subject("master", "system:masters"))
        self.holder = self.user(Subject("system:bootstrap:abcdef", GROUP))
        """Who has a join token."""

    def bind_as_kubeadm_does(self) -> None:
        """Give the rights that `kubeadm init` gives."""
        for made in (
            binding("kubeadm:cluster-admins", "cluster-admin", "kubeadm:cluster-admins"),
            binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", GROUP),
        ):
            self.master.apply(CLUSTER_ROLE_BINDINGS, made)

    def user(self, subject: Subject) -> Api:
        """The API as anybody with a certificate of the cluster's authority sees it."""
        return Api(self.server.address, self.credentials(subject))

    def credentials(self, subject: Subject) -> Callable[[], Credentials]:
        """Files with a new certificate."""
        leaf = self.server.user(subject)
        name = f"/users/{secrets.token_hex(4)}.pem"
        write(self.server.root, {name: private(leaf.certificate + leaf.key)})
        pair = str(self.server.root / name.lstrip("/"))
        return lambda: Credentials(str(self.authority), pair, pair)

    @property
    def authority(self) -> Path:
        """Where the authority's certificate is."""
        return self.server.root / "etc/kubernetes/pki/ca.crt"

    def ask(
        self, user: Api, request: str, signer: str = CLIENT_SIGNER, usages: tuple[str, ...] = ("client auth",)
    ) -> str:
        """Ask for a certificate as a user; the name of what was stored."""
        name = f"csr-{secrets.token_hex(4)}"
        spec = {
            "request": base64.b64encode(request.encode()).decode(),
            "signerName": signer,
            "usages": ["digital signature", *usages],
        }
        kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
        created = user.create(SIGNING_REQUESTS, {**kind, "metadata": {"name": name}, "spec": spec})
        assert not hasattr(created, "reason"), created
        return name

    def judged(self, name: str) -> dict[str, str]:
        """How a request was judged: kinds of conditions and why."""
        answer = self.master.get(SIGNING_REQUESTS, name)
        assert isinstance(answer, Known), answer
        conditions: list[dict[str, Any]] = answer.value["status"].get("conditions", [])
        return {each["type"]: each["message"] for each in conditions}


@contextmanager
def serving(folders: pytest.TempPathFactory, minor: str) -> Iterator[Kube]:
    """An API server of a minor, on which a founder has given the agents their rights."""
    cluster = Cluster("holdfast", "", "api.holdfast.internal", "100.64.0.0/16", "172.20.0.0/16", "uuid-1", 20)
    etcd = EtcdCluster(folders.mktemp("etcd"), minor)
    server = ApiServer(folders.mktemp("control-plane"), etcd, cluster, minor)
    try:
        etcd.found(["m1"])
        server.start()
        made = Kube(server)
        made.bind_as_kubeadm_does()
        with made.access.administrator() as credentials:
            api = Api(server.address, credentials)
            wait_for(lambda: rights.install(api) == Done(), "the agents' rights")
        yield made
    finally:
        server.stop()
        etcd.stop()


@dataclass
class Cloud:
    """What AWS says about instances, in the words of the adapters; they have tests of their own."""

    roles: dict[str, str] = field(default_factory=dict)
    running: dict[str, str | None] = field(default_factory=dict)
    shown: dict[str, frozenset[str]] = field(default_factory=dict)
    rows: dict[str, Item] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def launch(self, name: str, role: str, *addresses: str, fingerprint: str = "") -> None:
        """Let an instance run; with a fingerprint it has written its boot row."""
        self.roles[name] = role
        self.running[name] = "running"
        self.shown[name] = frozenset(addresses)
        if fingerprint:
            row = boots.tell(Boot(self.arn_of(name), "joining", fingerprint=fingerprint))
            self.rows[row.item_id] = as_item(row.item_id, dict(row.changes))

    def arn_of(self, name: str) -> str:
        """The ARN of an instance."""
        return f"arn:aws:ec2:us-east-1:123456789012:instance/{name}"

    def instances(self) -> Reading[tuple[GroupInstance, ...]]:
        """Those of the cluster's groups."""
        return Known(tuple(GroupInstance(name, "group", role, "InService") for name, role in self.roles.items()))

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]:
        """EC2's words."""
        return Known({name: self.running.get(name) for name in instance_ids})

    def addresses(self, instance_ids: Collection[str]) -> Reading[Mapping[str, frozenset[str]]]:
        """What EC2 shows."""
        return Known({name: self.shown.get(name, frozenset()) for name in instance_ids})

    def items(self, prefixes: Sequence[str]) -> NoReturn:
        """No scan: every key is known."""
        raise AssertionError(f"a scan for {prefixes}")

    def get(self, item_id: str) -> Reading[Item | None]:
        """A row of the table."""
        self.asked.append(item_id)
        return Known(self.rows.get(item_id))
