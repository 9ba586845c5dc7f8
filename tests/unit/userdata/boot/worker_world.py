"""A world for whole boots of a worker: table, SSM, kubeadm and kubelet in memory; files, openssl and TLS real.

Everything that the boot does to it is an event. A test says what becomes of which event, and what happens beside it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from coordination.names import NODE_FILE, Setting, boot_item
from coordination.outcomes import Item, Known, Reading, Unknown, Write
from coordination.record import ClusterRecord, Phase
from coordination.writes import Update
from tests.unit.userdata.boot.faults import REFUSED, Crash, Fault, NeverEnds
from tests.unit.userdata.boot.signing_api import SigningApi
from tests.unit.userdata.tables import MemoryTable
from userdata.boot import wiring
from userdata.boot.bootstrap_csr import Asker, Denied, Key
from userdata.boot.end import End
from userdata.config.image import IMAGE_FILE
from userdata.host import files
from userdata.host.commands import Finished
from userdata.host.instance import InstanceIdentity
from userdata.join.data import JoinData
from userdata.kubeadm.machine import SystemMachine
from userdata.kubeadm.places import BOOTSTRAP_FILE, DISCOVERY_FILE, JOIN_FILE, KUBELET_FILE
from userdata.kubeadm.tokens import new_token
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import ca_hashes, certificate_fingerprint
from userdata.pki.issuing import Leaf
from userdata.pki.requests import parse

ME = "i-0123456789abcdef0"
IDENTITY = InstanceIdentity(ME, "us-east-1a", "us-east-1", "123456789012", "10.0.0.9", "m7i.large", "ami-1", "aws")
ROW = boot_item(IDENTITY.arn)
NODE = {"cluster": "uuid", "role": "worker", "pool": "general", "region": "us-east-1", "table": "t", "parameters": "/h"}
CLUSTER_ID, EPOCH, ETCD_CLUSTER = "arn:stack", 3, "e3"
POOL = {"labels": {"tier": "general"}, "taints": [], "startup-taints": [], "stack": "arn:pool", "group": "Group"}
SETTINGS = {**{name.value: "x" for name in Setting}, "cluster-id": CLUSTER_ID, "control-plane-slots": "3"}
CHECKED = {
    "pod-cidr": "100.64.0.0/16",
    "service-cidr": "172.20.0.0/16",
    "etcd-volume-gib": "20",
    "network-encryption": "wireguard",
    "tags": "{}",
    "addons": "{}",
}
"""Settings that are more than any text."""
JOIN_DATA = "/h/join/data"
VERSION = "v1.37.2"
SECONDS = 60
"""For which a worker tries."""
CA_FILE = "/etc/kubernetes/pki/ca.crt"
CPUS = "\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2"
UNHEALTHY = "[kubelet-check] The kubelet is not healthy after 4m0.5s"
SILENT = "the API at 127.0.0.1: timed out"
_MOST_SLEEPS = 200


def unready(message: str) -> Finished:
    """What kubectl says of a Node that is not ready."""
    condition = {"type": "Ready", "status": "False", "message": message}
    return Finished(0, json.dumps({"status": {"conditions": [condition]}}))


@dataclass
class WorkerWorld:
    """What there is, but for the files below `root`. `fault` says what becomes of an event, None for nothing."""

    root: Path
    api: SigningApi
    server: str
    """The API's URL."""
    fault: Callable[[int, str], Fault | None] = lambda number, event: None
    while_asleep: Callable[[], None] = lambda: None
    judges: Callable[[], None] = lambda: None
    """Called before each look at a request for a certificate; the agents' own judgement where a test does not say."""
    kubectl: list[Finished] = field(default_factory=list)
    """What kubectl says before it says how the node is."""
    events: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    rows: list[Item] = field(default_factory=list)
    """The instance's own row, as it was written again and again."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Every key and every token that this node has had, by a name that may be shown."""
    asked_unpublished: list[str] = field(default_factory=list)
    """Requests that the API got while the row spoke of another key, or of none."""
    is_ending: bool = False
    """Whether the machine was told to shut down."""
    kubelet_runs: bool = False
    sleeps: int = 0
    now: float = 0
    crashed: bool = False

    def __post_init__(self) -> None:
        self.table = Table(self)
        self.judges = self.agents_judge
        self.api.reset()
        self.api.seen = self._seen
        here = {
            NODE_FILE: json.dumps(NODE),
            IMAGE_FILE: json.dumps({"shared_clock": True, "pace": {"worker": SECONDS}}),
        }
        files.write(self.root, {path: files.File(text) for path, text in here.items()})
        self.parameters = {f"/h/settings/{name}": value for name, value in {**SETTINGS, **CHECKED}.items()}
        self.parameters["/h/pools/general"] = json.dumps(POOL)
        hashes = ",".join(ca_hashes(self.api.authority.certificates))
        self.record = ClusterRecord(
            CLUSTER_ID, Phase.READY, EPOCH, "i-founder", 1, EPOCH, ETCD_CLUSTER, ca_hashes=hashes
        )
        self.data = JoinData(EPOCH, ETCD_CLUSTER, self.server, self.api.authority.bundle, new_token())
        self.store(self.record)
        self.publish(self.data)

    # what a test arranges

    def store(self, record: ClusterRecord) -> None:
        """Somebody stores the cluster's record."""
        self.table.store(record.item())

    def publish(self, data: JoinData) -> None:
        """An agent publishes join data, whose token the API knows."""
        self.api.tokens = {data.token.text}
        self.parameters[JOIN_DATA] = data.text

    def deletion_begins(self) -> None:
        """The cluster is deleted from now on."""
        self.store(replace(self.record, phase=Phase.DELETING))

    def agents_judge(self) -> None:
        """Approve, as the agents do, what the instance's own row speaks of."""
        for name, stored in list(self.api.stored.items()):
            if "status" not in stored and parse(self.api.request(name)).fingerprint == self.fingerprint:
                self.api.approve(name)

    # what a test looks at

    @property
    def row(self) -> Item:
        """The instance's own row."""
        return self.table.stored(ROW) or {}

    @property
    def fingerprint(self) -> object:
        """Of the key that the row speaks of."""
        return self.row.get("Fingerprint")

    @property
    def is_ready(self) -> bool:
        """Whether the kubelet runs with a certificate of its own."""
        return self.kubelet_runs and self.has(KUBELET_FILE)

    def has(self, path: str) -> bool:
        """Whether there is a file."""
        return (self.root / path.lstrip("/")).exists()

    def reasons(self, outcome: str = "waiting") -> list[str]:
        """What the log's lines of an outcome say."""
        return [line["reason"] for line in map(json.loads, self.lines) if line["outcome"] == outcome]

    # what happens

    def happens(self, event: str) -> Fault | None:
        """Note an event; what becomes of it."""
        if self.crashed:
            raise Crash
        self.events.append(event)
        found = self.fault(len(self.events) - 1, event)
        if found is Fault.CRASH:
            self.crashed = True
            raise Crash
        return found

    def sleep(self, seconds: float) -> None:
        """No time passes but on the world's own clock: what would happen meanwhile happens now."""
        self.sleeps += 1
        if self.sleeps > _MOST_SLEEPS:
            raise NeverEnds(self.lines[-1])
        self.now += seconds
        self.while_asleep()

    def _seen(self, request: str) -> None:
        if parse(request).fingerprint != self.fingerprint:
            self.asked_unpublished.append(request)

    # the boot

    def boots(self) -> End:
        """Boot, and again after every crash; how the last one ended."""
        while True:
            try:
                return self.boot()
            except Crash:
                self.reboot()

    def boot(self) -> End:
        """Boot; how that ended."""
        return wiring.boot(self.root)

    def reboot(self) -> None:
        """The machine starts again: nothing runs."""
        self.crashed = False
        self.kubelet_runs = False

    def clients(self, service: str) -> Any:
        """Instead of boto3's."""
        # No client of CloudFormation: a worker may signal nothing.
        made = {"ssm": Ssm}
        return made[service](self) if service in made else None

    def run(self, command: Sequence[str], seconds: float, **_: Any) -> Finished:
        """Instead of programs."""
        self.commands.append(" ".join(command))
        if tuple(command[:2]) == ("kubeadm", "join"):
            return self._kubeadm()
        assert command[:6] == ("kubectl", "--kubeconfig", KUBELET_FILE, "get", "node", ME)
        if self.happens("run: kubectl get node"):
            return Finished(1, REFUSED)
        if self.kubectl:
            return self.kubectl.pop(0)
        condition = {"type": "Ready", "status": "True"}
        return Finished(0, json.dumps({"status": {"conditions": [condition]}})) if self.is_ready else unready("no CNI")

    def _kubeadm(self) -> Finished:
        """`kubeadm join`: what it checks first, and the files that it and the kubelet make one after the other."""
        fault = self.happens("run: kubeadm join")
        if fault is Fault.ENDS:
            return Finished(1, CPUS)
        for path in (KUBELET_FILE, BOOTSTRAP_FILE, CA_FILE):
            if self.has(path):
                return Finished(1, f"\t[ERROR FileAvailable-{path.replace('/', '-')}]: {path} already exists")
        if self.kubelet_runs:
            return Finished(1, "\t[ERROR Port-10250]: Port 10250 is in use")
        if fault:
            return Finished(1, REFUSED) if fault is Fault.FAILS else Finished(None, "kubeadm: it was ended after 300 s")
        found_by = self._discovered()
        files.write(self.root, {BOOTSTRAP_FILE: files.private(found_by), CA_FILE: files.File(self.data.bundle)})
        self.kubelet_runs = True
        fault = self.happens("kubelet: asks")
        if fault is Fault.LOST:
            return Finished(None, "kubeadm: it was ended after 300 s")
        if fault:
            # kubeadm that gives up by itself takes the first certificate away, and leaves everything else.
            (self.root / BOOTSTRAP_FILE.lstrip("/")).unlink()
            return Finished(1, UNHEALTHY)
        files.write(self.root, {KUBELET_FILE: files.private("of its own")})
        self.happens("kubeadm: ends")
        (self.root / BOOTSTRAP_FILE.lstrip("/")).unlink()
        return Finished(0, "")

    def _discovered(self) -> str:
        """The discovery file, which is as kubeadm needs it."""
        text = (self.root / DISCOVERY_FILE.lstrip("/")).read_text(encoding="utf-8")
        told = json.loads((self.root / JOIN_FILE.lstrip("/")).read_text(encoding="utf-8"))
        assert told["discovery"]["file"]["kubeConfigPath"] == DISCOVERY_FILE
        assert told["nodeRegistration"]["name"] == ME
        found = json.loads(text)
        cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
        assert (cluster["server"], _text(cluster["certificate-authority-data"])) == (self.server, self.data.bundle)
        assert certificate_fingerprint(_text(user["client-certificate-data"])) == self.fingerprint
        return text


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def placed(world: WorkerWorld, patch: pytest.MonkeyPatch) -> WorkerWorld:
    """The world, with which everything that leaves the program has to do from now on."""
    clock = SimpleNamespace(monotonic=lambda: world.now, sleep=world.sleep)
    instead = {
        "wiring.client": world.clients,
        "wiring.ClusterTable": lambda client, name: world.table,
        "wiring.Metadata": lambda: SimpleNamespace(identity=lambda: Known(IDENTITY)),
        "wiring.Mirror": lambda *_: SimpleNamespace(write=world.lines.append, close=lambda seconds: 0),
        "wiring.SystemMachine": lambda root: Machine(world),
        "wiring.time": clock,
        "worker.time": clock,
        "wiring.run": world.run,
        "worker.Asker": lambda data, instance_id, key: WatchedAsker(world, data, instance_id, key),
    }
    for name, value in instead.items():
        patch.setattr(f"userdata.boot.{name}", value)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return world


class Table(MemoryTable):
    """The table, in which a new fingerprint in the row is an event, and no other write of the row is one."""

    def __init__(self, world: WorkerWorld) -> None:
        super().__init__()
        self._world = world

    def get(self, item_id: str) -> Reading[Item | None]:
        if self._world.happens(f"table: get {item_id}"):
            return Unknown("GetItem: ReadTimeoutError", "ReadTimeoutError")
        return super().get(item_id)

    def apply(self, update: Update) -> Write:
        assert update.item_id == ROW, "a worker writes its own row and nothing else"
        new = dict(update.changes).get("Fingerprint")
        fault = self._world.happens("row: fingerprint") if new not in (None, self._world.fingerprint) else None
        if fault is Fault.FAILS:
            return Unknown("UpdateItem: ReadTimeoutError", "ReadTimeoutError")
        written = super().apply(update)
        self._world.rows.append(self._world.row)
        return Unknown("UpdateItem: ReadTimeoutError", "ReadTimeoutError") if fault is Fault.LOST else written


class WatchedAsker(Asker):
    """Asks the API over TLS, where nothing else becomes of it."""

    def __init__(self, world: WorkerWorld, data: JoinData, instance_id: str, key: Key) -> None:
        super().__init__(data, instance_id, key)
        self._world = world
        world.secrets |= {f"key {key.fingerprint[:8]}": key.private, f"token {data.token.token_id}": data.token.text}

    def ask(self) -> Reading[None]:
        fault = self._world.happens("api: ask")
        asked = Unknown(SILENT) if fault is Fault.FAILS else super().ask()
        return Unknown(SILENT) if fault else asked

    def issued(self) -> Reading[Leaf | None] | Denied:
        self._world.judges()
        return Unknown(SILENT) if self._world.happens("api: look") else super().issued()


class Machine(SystemMachine):
    """The node's machine: what is left there is looked at in files, and what is started is noted."""

    def __init__(self, world: WorkerWorld) -> None:
        super().__init__(world.root)
        self._world = world

    def kubernetes_version(self) -> str:
        if self._world.happens("machine: version"):
            raise StageFailed("kubeadm version: as the test wants it")
        return VERSION

    def start_kubelet(self) -> None:
        if self._world.happens("machine: start kubelet"):
            raise StageFailed("systemctl start kubelet: as the test wants it")
        self._world.kubelet_runs = True

    def power_off(self) -> None:
        if self._world.happens("machine: power off"):
            raise StageFailed("systemd-run: as the test wants it")
        self._world.is_ending = True

    def reset(self) -> None:
        if self._world.happens("machine: reset"):
            raise StageFailed("kubeadm reset: as the test wants it")
        for path in (KUBELET_FILE, BOOTSTRAP_FILE, CA_FILE):
            (self._world.root / path.lstrip("/")).unlink(missing_ok=True)
        self._world.kubelet_runs = False


@dataclass(frozen=True)
class Ssm:
    """Settings and join data."""

    world: WorkerWorld

    def get_paginator(self, operation: str) -> Any:
        def paginate(Path: str) -> Iterator[dict[str, Any]]:
            found = {name: value for name, value in self.world.parameters.items() if name.startswith(f"{Path}/")}
            yield {"Parameters": [{"Name": name, "Value": value} for name, value in found.items()]}

        return SimpleNamespace(paginate=paginate)

    def get_parameter(self, Name: str, WithDecryption: bool = False) -> dict[str, Any]:
        if Name == JOIN_DATA:
            assert WithDecryption
            if self.world.happens("ssm: join data"):
                raise ReadTimeoutError(endpoint_url="https://ssm")
        if Name not in self.world.parameters:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.world.parameters[Name]}}


@pytest.fixture
def world(place: tuple[SigningApi, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerWorld:
    """A fresh worker of a cluster that serves."""
    return placed(WorkerWorld(tmp_path, *place), monkeypatch)
