"""What a control plane's boot asks of the world around it; `userdata.boot.wiring` has the real parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from coordination.backups import Backup
from coordination.instances import GroupInstance
from coordination.outcomes import Done, Item, NoOp, Reading, Request, Unknown
from userdata.boot.snapshot import PeerAnswer
from userdata.etcd.model import MemberList, Status
from userdata.etcd.refusals import EtcdRefused, Failed
from userdata.join.outcomes import Read as ReadJoinData
from userdata.pki.material import Pki
from userdata.pki.outcomes import Read, Stored


class Groups(Protocol):
    """The cluster's groups (coordination.adapters.instances)."""

    def instances(self) -> Reading[tuple[GroupInstance, ...]]:
        """Every instance of every group."""

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]:
        """EC2's word for the state of each instance."""


class Backups(Protocol):
    """The cluster's backups."""

    def newest(self) -> Reading[Backup | None]:
        """The newest one that was read back and verified, None where there is none."""


class OwnGroup(Protocol):
    """This instance's place in its group (userdata.cloud.lifecycle)."""

    def place(self) -> Reading[GroupInstance | None]:
        """Where the group has this instance."""

    def complete_launch(self) -> Request:
        """This node serves."""

    def abandon_launch(self) -> Request:
        """This node will never serve."""


class Stack(Protocol):
    """The stack that may wait for this instance (userdata.cloud.lifecycle)."""

    def signal(self, resource: str) -> Request:
        """This node serves. NoOp: the stack does not wait for it now."""


class KeyStore(Protocol):
    """The sets of keys (userdata.pki.store)."""

    def store(self, epoch: int, pki: Pki) -> Stored:
        """Store the set of an epoch."""

    def read(self, epoch: int) -> Read:
        """The set of an epoch."""


class Machine(Protocol):
    """What runs on this machine (userdata.kubeadm.machine). Each method raises StageFailed where it fails."""

    def kubernetes_version(self) -> str:
        """The version of the image's kubeadm."""

    def start_kubelet(self) -> None:
        """Start the kubelet, and with it what has manifests."""

    def start(self, unit: str) -> None:
        """Start another unit."""

    def power_off(self) -> None:
        """Shut the machine down, a moment later. Raises StageFailed."""

    def stop(self) -> None:
        """Stop kubelet and etcd."""

    def is_clean(self) -> bool:
        """Whether no kubeadm has begun anything here."""

    def reset(self) -> None:
        """Undo what kubeadm did."""


class EtcdPeers(Protocol):
    """The members of etcd, asked from outside (userdata.boot.etcd_peers)."""

    def introduce(self, pki: Pki, now: datetime) -> None:
        """Have a certificate that etcd accepts."""

    def answers(self, addresses: Iterable[str], is_enough: Callable[[PeerAnswer], bool]) -> list[PeerAnswer]:
        """What those say who answer at all; nobody is waited for any more once one answer is enough."""

    def members(self, addresses: Iterable[str]) -> Reading[MemberList]:
        """etcd's own list."""

    def members_without_majority(self, addresses: Iterable[str]) -> Reading[MemberList]:
        """The list as one member alone knows it; it may be old."""

    def silent(self, members: MemberList) -> list[str]:
        """The names of the voters that do not answer."""

    def remove(self, addresses: Iterable[str], member_id: int) -> Done | NoOp | Failed:
        """Have a member removed. NoOp: it is in the list no more, or never was."""


class Servers(Protocol):
    """Who is asked whether it serves (userdata.boot.readiness)."""

    def etcd(self) -> Reading[Status] | EtcdRefused:
        """This node's own etcd."""

    def api(self) -> Done | Unknown:
        """This node's own API server."""

    def endpoint(self, pki: Pki) -> Done | Unknown:
        """The API at the balancer's name."""


class JoinDataPublisher(Protocol):
    """Publishes what workers join by."""

    def run(self) -> str:
        """Publish, where that is needed; what was done. Raises StageFailed."""


class ClusterItem(Protocol):
    """What a worker reads of the cluster table (coordination.adapters.table)."""

    def get(self, item_id: str) -> Reading[Item | None]:
        """One item."""


class PublishedJoinData(Protocol):
    """What workers join by (userdata.join.store)."""

    def read(self) -> ReadJoinData:
        """The data; None where nobody has published any."""
