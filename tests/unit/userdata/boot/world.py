"""A world for whole boots of a control plane: table, group, etcd and kubeadm in memory, files and openssl real.

Everything that the boot does to it is an event. A test says what becomes of which event, and what happens beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coordination.backups import Backup
from coordination.boots import Boot, tell
from coordination.members import Member, MemberState, member
from coordination.names import CLUSTER_ITEM, MEMBER_ITEM_PREFIX
from coordination.outcomes import Done, Known, Reading
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.timings import Timings
from tests.unit.userdata import tables
from tests.unit.userdata.boot.faults import (
    ANCHORS,
    ETCD_MANIFEST,
    ME,
    MY_ADDRESS,
    OTHER,
    OTHER_ADDRESS,
    REFUSED,
    SETTINGS,
    Crash,
    Fault,
    NeverEnds,
    peer,
)
from tests.unit.userdata.boot.surroundings import (
    Backups,
    Groups,
    KeyStore,
    Machine,
    Neighbours,
    OwnGroup,
    OwnStack,
    Publisher,
    Servers,
)
from tests.unit.userdata.tables import MemoryTable
from userdata.addons.places import FOLDER, POLICIES
from userdata.boot.context import Context
from userdata.boot.control_plane import ControlPlaneBoot
from userdata.boot.end import End
from userdata.boot.launch_hook import LaunchHeartbeat
from userdata.boot.stages import Stages
from userdata.config.image import ImageFacts
from userdata.config.node_file import NodeFile
from userdata.config.pace import Pace
from userdata.etcd.model import EtcdMember, Status, hexadecimal
from userdata.host import files
from userdata.host.commands import Finished
from userdata.host.etcd_disk import EtcdDisk
from userdata.host.instance import InstanceIdentity
from userdata.logs.lines import Log
from userdata.pki.material import Pki
from userdata.volume.states import Mounted, State

_MOST_SLEEPS = 300


@dataclass
class World:
    """What there is, but for the files below `root`. `fault` says what becomes of an event, None for nothing."""

    root: Path
    timings: Timings = field(default_factory=lambda: Timings(renew=3600))
    """No renewal comes in between, so that the events of two boots are the same."""
    table: MemoryTable = field(default_factory=MemoryTable)
    fault: Callable[[int, str], Fault | None] = lambda number, event: None
    events: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    keys: dict[int, Pki] = field(default_factory=dict)
    members: list[EtcdMember] = field(default_factory=list)
    """Of the cluster that serves."""
    etcd: Status | None = None
    """What runs on this node."""
    inits: list[tuple[int, int]] = field(default_factory=list)
    """Epoch and cluster id of every etcd that was founded here."""
    claims: list[tuple[int, str]] = field(default_factory=list)
    """Every epoch with its owner, in the order in which the table had them."""
    serve_seconds: float = 0.05
    has_quorum: bool = True
    """Whether members that answer have a majority."""
    answering: bool = True
    """Whether any member answers."""
    gone: set[str] = field(default_factory=set)
    """The instances that EC2 calls terminated."""
    backup: Reading[Backup | None] = field(default_factory=lambda: Known(None))
    told: Boot = field(default_factory=lambda: Boot("", ""))
    """This node's own row, as it was written last."""
    sleeps: int = 0
    crashed: bool = False
    volume: State = field(default_factory=lambda: Mounted("uuid"))
    """The state of the disk that etcd's data is on."""
    cut_off: bool = False
    """Whether no renewal reaches the table."""
    lifecycle_state: str = "Pending:Wait"
    others: dict[str, str] = field(default_factory=dict)
    """The lifecycle states of the other instances that the groups have."""
    through: Callable[[Any], Any] = lambda port: port
    """What stands between the boot and each port that answers by outcomes."""
    while_asleep: Callable[[], None] = lambda: None
    in_kubeadm: Callable[[Callable[[], bool]], Finished | None] = lambda ended: None
    """Instead of kubeadm, with what tells it that it was ended; None lets kubeadm do its work."""

    def __post_init__(self) -> None:
        self.table.fate = self._table_fate
        self.table.changed = self._watch

    # what a test looks at

    @property
    def record(self) -> ClusterRecord | None:
        item = self.table.stored(CLUSTER_ITEM)
        return None if item is None else cluster_record(item)

    @property
    def row(self) -> Member | None:
        item = self.table.stored(MEMBER_ITEM_PREFIX + ME)
        return None if item is None else member(item)

    # what happens

    def happens(self, event: str) -> Fault | None:
        """Note an event; what becomes of it."""
        if threading.current_thread() is not threading.main_thread():
            return None
        if self.crashed:
            raise Crash
        self.events.append(event)
        found = self.fault(len(self.events) - 1, event)
        if found is Fault.CRASH:
            self.crashed = True
            raise Crash
        if found is Fault.TAKEN:
            self.other_claims()
            return None
        return found

    def other_claims(self) -> None:
        """Somebody else claims the next epoch, as after this node was taken for dead."""
        now = self.record
        if now is None:
            self._store(ClusterRecord("arn:stack", Phase.CLAIMED, 1, OTHER, 1))
        elif now.phase in (Phase.CLAIMED, Phase.RESTORING):
            self._store(replace(now, epoch=now.epoch + 1, owner=OTHER, counter=now.counter + 1))

    def other_founds(self, epoch: int = 1) -> None:
        """Somebody else's epoch becomes a cluster that serves."""
        self.keys[epoch] = ANCHORS[-1]
        cluster = 0xE0 + epoch
        self.members = [peer(1, OTHER, OTHER_ADDRESS)]
        row = Member(OTHER, epoch, MemberState.VOTER, "0", OTHER_ADDRESS, "1", 1_800_000_000)
        self.table.store(row.item())
        before = self.record or ClusterRecord("arn:stack", Phase.CLAIMED, epoch, OTHER, 1)
        made = replace(before, phase=Phase.READY, epoch=epoch, owner=OTHER, pki_epoch=epoch, row_version=1)
        self._store(replace(made, etcd_cluster_id=hexadecimal(cluster)))

    def _store(self, record: ClusterRecord) -> None:
        self.table.store(record.item())

    def _table_fate(self, call: str) -> tables.Fate:
        if self.cut_off:
            return tables.Fate.FAILED
        fault = self.happens(f"table: {call}")
        if fault is Fault.LOST:
            return tables.Fate.LOST
        return tables.Fate.ANSWERED if fault is None else tables.Fate.FAILED

    def _watch(self) -> None:
        now = self.record
        if now is not None and now.owner and (now.epoch, now.owner) not in self.claims:
            self.claims.append((now.epoch, now.owner))

    def sleep(self, seconds: float) -> None:
        """No time passes: what would happen meanwhile happens now."""
        if self.crashed:
            raise Crash
        self.sleeps += 1
        if self.sleeps > _MOST_SLEEPS:
            raise NeverEnds(self.lines[-1])
        self.while_asleep()

    # the boot

    def boots(self, *, slots: int = 3) -> End:
        """Boot, and again after every crash; how the last one ended."""
        while True:
            try:
                return self.boot(slots=slots)
            except Crash:
                self.crashed = False
                self.etcd = None

    def boot(self, *, slots: int = 3) -> End:
        """Boot the node whose files are below `root`; how that ended."""
        context = self.context(slots)
        try:
            return ControlPlaneBoot(context, self.through(Neighbours(self)), Publisher(self)).run()
        finally:
            context.launch_hook.close()

    def context(self, slots: int = 3) -> Context:
        """What a boot of the node stands on. Its launch hook has to be closed."""
        # As the image has it.
        files.write(self.root, {f"{FOLDER}/{POLICIES}": files.File('{"kind": "List", "items": []}')})
        log = Log(self.lines.append)
        identity = InstanceIdentity(
            ME, "us-east-1a", "us-east-1", "123456789012", MY_ADDRESS, "m7i.large", "ami-1", "aws"
        )
        return Context(
            root=self.root,
            identity=identity,
            node_file=NodeFile("uuid", "control-plane", "2", "us-east-1", "table", "/holdfast/uuid"),
            settings=replace(SETTINGS, slots=slots),
            issuers=(),
            image=ImageFacts(kube_proxy=True, pace=Pace(leases=self.timings, serve=self.serve_seconds)),
            kubernetes_version="v1.37.2",
            table=self.through(self.table),
            groups=self.through(Groups(self)),
            own_group=self.through(OwnGroup(self)),
            backups=self.through(Backups(self)),
            pki=self.through(KeyStore(self)),
            stack=self.through(OwnStack(self)),
            system=Machine(self),
            volume=lambda: self.volume,
            disk=EtcdDisk(self.root),
            stages=Stages(log, self._told, Boot(identity.arn, "boot")),
            launch_hook=LaunchHeartbeat(lambda: Done(), 3600, self.lines.append, sleep=self.sleep),
            servers=self.through(Servers(self)),
            run=self.run,
        )

    def _told(self, row: Boot) -> Done:
        # Its own row never ends a stage, so what becomes of it is no event.
        self.table.store({"Id": tell(row).item_id, "Stage": row.stage})
        self.told = row
        return Done()

    def run(
        self,
        command: Sequence[str],
        seconds: float,
        *,
        stdin: str = "",
        ended: Callable[[], bool] = lambda: False,
    ) -> Finished:
        """Instead of programs."""
        what = " ".join(each for each in command[:3] if not each.startswith("-"))
        fault = self.happens(f"run: {what}")
        if fault is Fault.ENDS:
            return Finished(1, "\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2")
        if fault is Fault.FAILS:
            return Finished(1, REFUSED)
        if command[:2] == ("kubeadm", "init") and command[2] != "phase":
            instead = self.in_kubeadm(ended)
            return self._init() if instead is None else instead
        if command[:2] == ("kubeadm", "join") and command[2] != "phase":
            instead = self.in_kubeadm(ended)
            return self._join() if instead is None else instead
        if fault is Fault.LOST:
            return Finished(None, "it was ended")
        if command[0] == "kubectl" and "node" in command:
            return Finished(0, '{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}')
        return Finished(0, "")

    def _init(self) -> Finished:
        assert not self.dirty, "kubeadm refuses a machine on which something was left"
        now = self.record
        assert now is not None
        cluster_id = 0xA0 + len(self.inits)
        self.inits.append((now.epoch, cluster_id))
        self.start(cluster_id, 9)
        return Finished(0, "")

    def _join(self) -> Finished:
        own = [each for each in self.members if each.name == ME]
        if not own:
            assert not self.dirty, "kubeadm refuses a machine on which something was left"
            own = [peer(9, ME, MY_ADDRESS)]
            self.members += own
        now = self.record
        assert now is not None
        self.start(int(now.etcd_cluster_id, 16), own[0].member_id)
        self.members = [replace(each, is_learner=False) if each.name == ME else each for each in self.members]
        return Finished(0, "")

    @property
    def dirty(self) -> bool:
        """Whether there is anything that kubeadm or etcd have made."""
        return self.has_data or (self.root / ETCD_MANIFEST).exists()

    @property
    def has_data(self) -> bool:
        """Whether there is etcd data."""
        return (self.root / "var/lib/etcd/member").exists()

    def kubelet_starts(self) -> None:
        """With the kubelet comes the etcd whose data is here."""
        identity = EtcdDisk(self.root).read().identity
        if (self.root / ETCD_MANIFEST).exists() and identity is not None:
            self.start(int(identity.etcd_cluster_id, 16), 9)

    def start(self, cluster_id: int, member_id: int) -> None:
        """etcd starts here, and leaves its data."""
        (self.root / "var/lib/etcd/member").mkdir(parents=True, exist_ok=True)
        files.write(self.root, {f"/{ETCD_MANIFEST}": files.private("")})
        self.etcd = Status(cluster_id, member_id, member_id, False, "3.6.5", 0, 0, 0, 0, ())
