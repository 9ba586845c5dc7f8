"""A stand-in for kubeadm, as far as etcd has to do with it.

`kubeadm init` refuses a machine on which something was left, makes etcd's certificates from the CA that lies there,
writes etcd's manifest for a new cluster with the token of its configuration, and waits until the member serves.
`kubeadm join` of a control plane asks the API at the balancer for etcd's members, adds itself as a learner (or finds
that it is listed), writes the manifest for the cluster that is there, waits until etcd answers, and promotes it; each
call is repeated until `timeouts.etcdAPICall` is over (cmd/kubeadm/app/util/etcd/etcd.go: AddMemberAsLearner,
MemberPromote). Both end with the kubelet's own file. `kubeadm reset` without its phase remove-etcd-member takes
manifests and the kubelet's file away, and leaves etcd's data.

It runs in the boot's own thread, and looks between its steps whether it was ended, as `userdata.host.commands.run`
does. Its time-outs are real ones: etcd takes no new member until all have been connected for five seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from coordination.outcomes import Known
from tests.storm.light import clock, traps
from tests.storm.light.shared import KUBELET_WANTED, MANIFEST
from userdata.etcd.client import Etcd
from userdata.host import https
from userdata.host.commands import Finished
from userdata.host.files import private, write
from userdata.host.https import Credentials
from userdata.kubeadm.places import INIT_FILE, JOIN_FILE, KUBELET_FILE
from userdata.pki.issuing import Subject, issue
from userdata.pki.material import Authority

_PKI = "etc/kubernetes/pki/etcd"
_DAY = timedelta(days=1)
_LOOK_SECONDS = 0.15
"""Real ones, as all here: etcd is no faster than ever."""
_CALL_SECONDS = 8.0
_START_SECONDS = 15.0
PEER_LISTENER_PORT = 12380
"""Where etcd itself listens; at its public port the network between members does (`relay`)."""
FLAGS: dict[str, object] = {}
"""Further ones of etcd, which a test changes."""
_REFUSED = "error execution phase: dial tcp: connect: connection refused"


class _Ended(Exception):
    """It was ended, or its time is over; the text says why."""


@dataclass(frozen=True)
class Kubeadm:
    """kubeadm on one instance. `api` gives the addresses of members whose API server the balancer reaches now."""

    root: Path
    name: str
    address: str
    api: Callable[[], list[str]]
    is_bad: Callable[[], bool]
    """Whether it fails here, each time."""
    comes_to: Callable[[str], None]
    """Told of each step inside of a join, at which a fault may wait."""

    @property
    def credentials(self) -> Credentials:
        """Of etcd's client, as kubeadm makes them."""
        return credentials(self.root)

    def run(self, command: tuple[str, ...], seconds: float, ended: Callable[[], bool]) -> Finished:
        """What a command says."""
        deadline = clock.real() + seconds / clock.SPEED
        checked = partial(_go_on, ended, deadline)
        try:
            if command[:2] == ("kubeadm", "init"):
                return self._init(checked)
            if command[:2] == ("kubeadm", "join") and command[2] != "phase":
                return self._join(checked)
        except _Ended as error:
            return Finished(None, f"kubeadm: {error}")
        return Finished(0, "")

    def _init(self, go_on: Callable[[], None]) -> Finished:
        text = (self.root / INIT_FILE.lstrip("/")).read_text()
        if refused := self._refuses_what_is_left(text):
            return refused
        if self.is_bad():
            return Finished(1, _REFUSED)
        token = re.search(r'"initial-cluster-token",\s*"value":\s*"([^"]+)"', text)
        assert token is not None, text
        self._make_certificates()
        self._write_manifest({self.name: self._peer_url}, "new", token[1])
        if not self._until(lambda: isinstance(self.own.members(), Known), _START_SECONDS, go_on):
            return Finished(1, "timed out waiting for etcd")
        self._write_kubelet_file()
        return Finished(0, "")

    def _join(self, go_on: Callable[[], None]) -> Finished:
        text = (self.root / JOIN_FILE.lstrip("/")).read_text()
        if "DirAvailable--var-lib-etcd" not in text and (refused := self._refuses_what_is_left(text)):
            return refused
        if self.is_bad():
            return Finished(1, _REFUSED)
        self._make_certificates()
        members = self._added(go_on)
        if members is None:
            return Finished(1, "etcdserver: unhealthy cluster")
        self.comes_to(traps.ADDED)
        named = {each["name"]: each["peerURLs"][0] for each in members if each.get("name")}
        self._write_manifest(named | {self.name: self._peer_url}, "existing", "")
        if not self._until(lambda: isinstance(self.own.status(), Known), _START_SECONDS, go_on):
            return Finished(1, "timed out waiting for etcd")
        self.comes_to(traps.STARTED)
        own = next(each["ID"] for each in members if self._peer_url in each["peerURLs"])
        if not self._until(lambda: self._promoted(own), 4 * _CALL_SECONDS, go_on):
            return Finished(1, "etcdserver: can only promote a learner member which is in sync with leader")
        self._write_kubelet_file()
        return Finished(0, "")

    def _added(self, go_on: Callable[[], None]) -> list[dict[str, Any]] | None:
        """etcd's members with this one among them."""
        found: list[dict[str, Any]] = []

        def add() -> bool:
            listed = self._ask("cluster/member/list", {"linearizable": True})
            if listed is None:
                return False
            if any(self._peer_url in each["peerURLs"] for each in listed["members"]):
                found[:] = listed["members"]
                return True
            added = self._ask("cluster/member/add", {"peerURLs": [self._peer_url], "isLearner": True})
            if added is not None:
                found[:] = added["members"]
            return bool(found)

        return found if self._until(add, _CALL_SECONDS, go_on) else None

    def _promoted(self, member_id: str) -> bool:
        listed = self._ask("cluster/member/list", {"linearizable": True})
        mine = [each for each in (listed or {"members": []})["members"] if each["ID"] == member_id]
        if mine and not mine[0].get("isLearner"):
            return True
        return self._ask("cluster/member/promote", {"ID": member_id}) is not None

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first answer of any member that the balancer's servers are at; None for none."""
        for address in self.api():
            answered = https.ask(path, address, 2379, self.credentials.context, "POST", f"/v3/{path}", body=body)
            if isinstance(answered, Known) and answered.value.status == 200:
                found: dict[str, Any] = answered.value.json()
                return found
        return None

    def _until(self, look: Callable[[], bool], seconds: float, go_on: Callable[[], None]) -> bool:
        deadline = clock.real() + seconds
        while clock.real() < deadline:
            go_on()
            if look():
                return True
            clock.sleep_really(_LOOK_SECONDS)
        return False

    def _refuses_what_is_left(self, configuration: str) -> Finished | None:
        dirty = [each for each in (MANIFEST, "var/lib/etcd/member") if (self.root / each).exists()]
        return Finished(1, f"[ERROR DirAvailable--var-lib-etcd]: {dirty[0]} is not empty") if dirty else None

    @property
    def _peer_url(self) -> str:
        return f"https://{self.address}:2380"

    @property
    def own(self) -> Etcd:
        """The member here."""
        return Etcd(self.address, self.credentials)

    def _make_certificates(self) -> None:
        folder = self.root / _PKI
        authority = Authority(((folder / "ca.crt").read_text(),), ((folder / "ca.key").read_text(),))
        names, now = (f"IP:{self.address}", "DNS:localhost"), datetime.now(UTC)
        if not (folder / "server.crt").exists():
            server = issue(authority, Subject(self.name), ["serverAuth", "clientAuth"], now, _DAY, names)
            client = issue(authority, Subject("kube-etcd-healthcheck-client"), ["clientAuth"], now, _DAY)
            made = {"server": server, "healthcheck-client": client}
            for stem, leaf in made.items():
                write(folder, {f"/{stem}.crt": private(leaf.certificate), f"/{stem}.key": private(leaf.key)})

    def _write_manifest(self, members: Mapping[str, str], state: str, token: str) -> None:
        pki, address = self.root / _PKI, self.address
        flags: dict[str, object] = {
            "name": self.name,
            "data-dir": self.root / "var/lib/etcd",
            "listen-client-urls": f"https://{address}:2379",
            "advertise-client-urls": f"https://{address}:2379",
            "listen-peer-urls": f"https://{address}:{PEER_LISTENER_PORT}",
            "initial-advertise-peer-urls": self._peer_url,
            "initial-cluster": ",".join(f"{name}={url}" for name, url in members.items()),
            "initial-cluster-state": state,
            **({"initial-cluster-token": token} if token else {}),
            "client-cert-auth": "true",
            "peer-client-cert-auth": "true",
            "unsafe-no-fsync": "true",
            **FLAGS,
        }
        for prefix in ("", "peer-"):
            flags |= {f"{prefix}cert-file": pki / "server.crt", f"{prefix}key-file": pki / "server.key"}
            flags |= {f"{prefix}trusted-ca-file": pki / "ca.crt"}
        write(self.root, {f"/{MANIFEST}": private(json.dumps([f"--{flag}={value}" for flag, value in flags.items()]))})
        # kubeadm starts the kubelet, where the node program has not.
        write(self.root, {f"/{KUBELET_WANTED}": private("")})

    def _write_kubelet_file(self) -> None:
        write(self.root, {KUBELET_FILE: private("")})


def _go_on(ended: Callable[[], bool], deadline: float) -> None:
    if ended():
        raise _Ended("it was ended, because the stage must not go on")
    if clock.real() > deadline:
        raise _Ended("it was ended, since its time is over")


def credentials(root: Path) -> Credentials:
    """Of etcd's client on an instance."""
    pki = root / _PKI
    client = pki / "healthcheck-client"
    return Credentials(str(pki / "ca.crt"), f"{client}.crt", f"{client}.key")
