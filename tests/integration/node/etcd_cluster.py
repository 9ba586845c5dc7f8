"""A real etcd of several members on loopback addresses of its own, with certificates on both sides."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from coordination.outcomes import Known
from tests.programs import MINORS, program
from tests.waiting import wait_for
from userdata.etcd.client import Etcd
from userdata.etcd.model import MemberList
from userdata.host.files import private, write
from userdata.host.https import Credentials
from userdata.kubeadm import tls
from userdata.pki.issuing import Subject, issue, new_authority

_DAY = timedelta(days=1)
ETCDS_OWN_TOKEN = "etcd-cluster"
"""What etcd takes where it is told none."""


class EtcdCluster:
    """Members `m1`, `m2`, …; each listens on etcd's usual ports of an address of its own."""

    def __init__(self, folder: Path, minor: str = MINORS[0]) -> None:
        self._program, self._control = program("etcd", minor), program("etcdctl", minor)
        self._folder = folder
        # All of 127.0.0.0/8 is this computer; a network of one's own keeps several tests apart.
        self._network = f"127.{random.randrange(1, 255)}.{random.randrange(0, 255)}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.authority = new_authority("etcd-ca", datetime.now(UTC))
        self.credentials = self.issue_client()

    def address(self, name: str) -> str:
        """A member's address."""
        return f"{self._network}.{name.removeprefix('m')}"

    def peer_url(self, name: str) -> str:
        """Where other members find it."""
        return f"https://{self.address(name)}:2380"

    def client(self, name: str, seconds: float = 8.0) -> Etcd:
        """A client that asks this member."""
        return Etcd(self.address(name), self.credentials, seconds=seconds)

    def issue_client(self, lifetime: timedelta = _DAY) -> Credentials:
        """New credentials of a client."""
        leaf = issue(self.authority, Subject("client"), ["clientAuth"], datetime.now(UTC), lifetime)
        files = {"ca.crt": self.authority.bundle, "client.crt": leaf.certificate, "client.key": leaf.key}
        write(self._folder, {f"/pki/{name}": private(content) for name, content in files.items()})
        pki = self._folder / "pki"
        return Credentials(str(pki / "ca.crt"), str(pki / "client.crt"), str(pki / "client.key"))

    def found(self, names: Iterable[str], token: str = ETCDS_OWN_TOKEN) -> None:
        """Start a new cluster, and wait until every member serves."""
        listed = list(names)
        for name in listed:
            self.start(name, listed, "new", token)
        for client in map(self.client, listed):
            wait_for(partial(_serves, client), f"{client.address} serves")

    def start(
        self, name: str, names: Iterable[str] = (), state: str = "existing", token: str = ETCDS_OWN_TOKEN
    ) -> None:
        """Start a member; without `names` it is one that has data."""
        key = self._folder / f"{name}.key"
        if not key.exists():
            self._issue_server(name)
        address, pair = self.address(name), self._folder / f"{name}"
        command: dict[str, object] = {
            "name": name,
            "data-dir": self._folder / "data" / name,
            "listen-client-urls": f"https://{address}:2379",
            "advertise-client-urls": f"https://{address}:2379",
            "listen-peer-urls": self.peer_url(name),
            "initial-advertise-peer-urls": self.peer_url(name),
            "initial-cluster": ",".join(f"{each}={self.peer_url(each)}" for each in names or [name]),
            "initial-cluster-state": state,
            "initial-cluster-token": token,
            "client-cert-auth": "true",
            "peer-client-cert-auth": "true",
            "unsafe-no-fsync": "true",
            **tls.ETCD_ARGUMENTS,
        }
        for prefix in ("", "peer-"):
            command |= {f"{prefix}cert-file": f"{pair}.crt", f"{prefix}key-file": f"{pair}.key"}
            command |= {f"{prefix}trusted-ca-file": self.credentials.authority}
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [self._program, *(f"--{flag}={value}" for flag, value in command.items())], stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """End a member as a lost instance ends."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def lose(self, name: str) -> None:
        """End a member, and take its disk away."""
        self.kill(name)
        shutil.rmtree(self._folder / "data" / name)

    @contextmanager
    def hung(self, name: str) -> Iterator[None]:
        """A member that accepts connections and answers nothing."""
        self._processes[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._processes[name].send_signal(signal.SIGCONT)

    def control(self, by: str, *arguments: str) -> str:
        """What etcdctl prints."""
        own = self.credentials
        secured = (f"--cacert={own.authority}", f"--cert={own.certificate}", f"--key={own.key}")
        command = [str(self._control), f"--endpoints=https://{self.address(by)}:2379", *secured, *arguments]
        # What is encrypted is no text.
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(self, by: str) -> MemberList:
        """The members as one of them tells."""
        reading = self.client(by).members()
        assert isinstance(reading, Known), reading
        return reading.value

    def leader(self, names: Iterable[str]) -> str:
        """The name of the member that leads, once one does."""

        def look() -> str:
            statuses = {name: self.client(name).status() for name in names}
            return next((name for name, each in statuses.items() if isinstance(each, Known) and each.value.leads), "")

        return wait_for(look, "a leader")

    def stop(self) -> None:
        """End every member."""
        for name in list(self._processes):
            self.kill(name)

    def _issue_server(self, name: str) -> None:
        names = (f"IP:{self.address(name)}", "DNS:localhost")
        now = datetime.now(UTC)
        leaf = issue(self.authority, Subject(name), ["serverAuth", "clientAuth"], now, _DAY, names)
        write(self._folder, {f"/{name}.crt": private(leaf.certificate), f"/{name}.key": private(leaf.key)})


def _serves(client: Etcd) -> bool:
    return isinstance(client.members(), Known)
