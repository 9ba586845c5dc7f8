"""A real kube-apiserver on loopback, with the keys and files that a control plane of ours has, before a real etcd."""

from __future__ import annotations

import http.client
import json
import os
import random
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.node.etcd_cluster import EtcdCluster
from tests.programs import MINORS, program
from tests.waiting import wait_for
from userdata.host.files import private, write
from userdata.kubeadm import api_server
from userdata.kubeadm.cluster import Cluster, cluster_configuration
from userdata.kubeadm.oidc import OidcIssuer
from userdata.pki import placing
from userdata.pki.issuing import Leaf, Subject, Use, issue, new_pki

_DAY = timedelta(days=1)
_START_SECONDS = 180.0


class ApiServer:
    """Started with the very arguments that kubeadm is told, their paths moved below a folder."""

    def __init__(
        self,
        root: Path,
        etcd: EtcdCluster,
        cluster: Cluster,
        minor: str = MINORS[0],
        privileged: Sequence[str] = (),
        issuers: Sequence[OidcIssuer] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root
        self.address = f"127.{random.randrange(1, 255)}.{random.randrange(0, 255)}.1"
        self.pki = new_pki(datetime.now(UTC))
        self.etcd = etcd
        self._cluster = cluster
        self._program = program("kube-apiserver", minor)
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {**os.environ, **(environment or {})}
        write(root, {**placing.files(self.pki), **api_server.files(self.pki.encryption, privileged, issuers)})

    def start(self) -> None:
        """Start it, and wait until it says, to one without a name, that it is ready."""
        pki = self.root / "etc/kubernetes/pki"
        self._issue_leaf("apiserver", ["serverAuth"])
        etcd = self.etcd.credentials
        arguments = {
            **self._told(),
            "advertise-address": "192.0.2.1",
            "bind-address": self.address,
            "secure-port": "6443",
            "etcd-servers": f"https://{self.etcd.address('m1')}:2379",
            "etcd-cafile": etcd.authority,
            "etcd-certfile": etcd.certificate,
            "etcd-keyfile": etcd.key,
            "client-ca-file": f"{pki}/ca.crt",
            "tls-cert-file": f"{pki}/apiserver.crt",
            "tls-private-key-file": f"{pki}/apiserver.key",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": f"{pki}/sa.pub",
            "service-account-signing-key-file": f"{pki}/sa.key",
            "service-cluster-ip-range": self._cluster.service_cidr,
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
        }
        with (self.root / "api-server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *(f"--{name}={value}" for name, value in arguments.items())],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        wait_for(self._ready, "the API server is ready", _START_SECONDS)

    def get(self, path: str, user: Leaf | str | None = None) -> tuple[int, str]:
        """Status and text of an answer; a user is a certificate or a token, None is nobody."""
        return self.ask("GET", path, user)

    def ask(
        self,
        method: str,
        path: str,
        user: Leaf | str | None = None,
        body: Any = None,
        kind: str = "application/json",
    ) -> tuple[int, str]:
        """The same for any method; the body is sent as JSON, of this kind."""
        context = ssl.create_default_context(cadata=self.pki.cluster.bundle)
        headers = {"Content-Type": kind}
        if isinstance(user, Leaf):
            pair = self.root / "user.pem"
            write(self.root, {"/user.pem": private(user.certificate + user.key)})
            context.load_cert_chain(pair)
        elif user is not None:
            headers["Authorization"] = f"Bearer {user}"
        connection = http.client.HTTPSConnection(self.address, 6443, timeout=60, context=context)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def user(self, subject: Subject) -> Leaf:
        """A certificate of the cluster's authority."""
        return issue(self.pki.cluster, subject, ["clientAuth"], datetime.now(UTC), _DAY)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _told(self) -> Mapping[str, str]:
        """What kubeadm would add to its own arguments, with paths below our root."""
        configuration: Any = cluster_configuration(self._cluster)
        given = {each["name"]: each["value"] for each in configuration["apiServer"]["extraArgs"]}
        return {name: f"{self.root}{value}" if value.startswith("/") else value for name, value in given.items()}

    def _issue_leaf(self, name: str, uses: list[Use]) -> None:
        alternatives = (f"IP:{self.address}", f"DNS:{self._cluster.endpoint}")
        leaf = issue(self.pki.cluster, Subject(name), uses, datetime.now(UTC), _DAY, alternatives)
        files = {".crt": private(leaf.certificate), ".key": private(leaf.key)}
        write(self.root, {f"{placing.FOLDER}/{name}{ending}": file for ending, file in files.items()})

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.root / "api-server.log").read_text()[-3000:]
        try:
            return self.get("/readyz") == (200, "ok")
        except OSError:
            return False
