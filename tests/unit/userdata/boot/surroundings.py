"""What a booting control plane meets in its world: its machine, AWS, its own servers and its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from coordination.backups import Backup
from coordination.instances import GroupInstance
from coordination.outcomes import Done, Known, Reading, Request, Unknown
from coordination.termination import TERMINATED
from tests.unit.userdata.boot.faults import (
    ANCHORS,
    ETCD_MANIFEST,
    ME,
    OTHER,
    OTHER_ADDRESS,
    SERVES_NOT,
    Fault,
)
from userdata.boot.snapshot import PeerAnswer
from userdata.etcd.model import MemberList, Status
from userdata.kubeadm.machine import SystemMachine
from userdata.logs.lines import StageFailed
from userdata.pki.material import Pki
from userdata.pki.outcomes import Incomplete, Mixture, Read, Stored

if TYPE_CHECKING:
    from tests.unit.userdata.boot.world import World


class Machine(SystemMachine):
    """The node's machine: what is started and stopped is noted."""

    def __init__(self, world: World) -> None:
        super().__init__(world.root)
        self._world = world

    def _happens(self, what: str) -> None:
        fault = self._world.happens(f"machine: {what}")
        if fault in (Fault.FAILS, Fault.ENDS):
            raise StageFailed(f"{what}: broken by the test")

    def start_kubelet(self) -> None:
        self._happens("start kubelet")
        self._world.kubelet_starts()

    def start(self, unit: str) -> None:
        self._happens(f"start {unit}")

    def stop(self) -> None:
        self._happens("stop")
        self._world.etcd = None

    def reset(self) -> None:
        self._happens("reset")
        (self._world.root / ETCD_MANIFEST).unlink(missing_ok=True)
        self._world.etcd = None


@dataclass(frozen=True)
class KeyStore:
    """Sets of keys that are created once."""

    world: World

    def store(self, epoch: int, pki: Pki) -> Stored:
        fault = self.world.happens(f"keys: store {epoch}")
        if fault is Fault.FAILS:
            return Unknown("PutParameter: ReadTimeoutError", "ReadTimeoutError")
        if fault is Fault.ENDS:
            self.world.keys[epoch] = ANCHORS[-2]
        if self.world.keys.setdefault(epoch, pki) != pki:
            return Mixture("ca")
        return Unknown("PutParameter: ReadTimeoutError", "ReadTimeoutError") if fault is Fault.LOST else Done()

    def read(self, epoch: int) -> Read:
        fault = self.world.happens(f"keys: read {epoch}")
        if fault in (Fault.FAILS, Fault.LOST):
            return Unknown("GetParameters: ReadTimeoutError", "ReadTimeoutError")
        if fault is Fault.ENDS or epoch not in self.world.keys:
            return Incomplete(f"keys of epoch {epoch}: ca is missing")
        return Known(self.world.keys[epoch])


@dataclass(frozen=True)
class Groups:
    """All instances that anybody asks for run, but for those that are gone."""

    world: World

    def instances(self) -> Reading[tuple[GroupInstance, ...]]:
        states = {ME: self.world.lifecycle_state, **self.world.others}
        return Known(tuple(GroupInstance(name, "slot", "control-plane", state) for name, state in states.items()))

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]:
        if self.world.happens("groups: states"):
            return Unknown("DescribeInstances: ReadTimeoutError", "ReadTimeoutError")
        return Known({each: TERMINATED if each in self.world.gone else "running" for each in instance_ids})


@dataclass(frozen=True)
class Backups:
    """The backups of the cluster."""

    world: World

    def newest(self) -> Reading[Backup | None]:
        return self.world.backup


@dataclass(frozen=True)
class OwnGroup:
    """The launch hook."""

    world: World

    def place(self) -> Reading[GroupInstance | None]:
        return Known(GroupInstance(ME, "slot2", "", self.world.lifecycle_state))

    def complete_launch(self) -> Request:
        return self._answer("complete", "InService")

    def abandon_launch(self) -> Request:
        return self._answer("abandon", "Terminating")

    def _answer(self, what: str, then: str) -> Request:
        fault = self.world.happens(f"hook: {what}")
        if fault in (Fault.FAILS, Fault.ENDS):
            return Unknown("CompleteLifecycleAction: ReadTimeoutError", "ReadTimeoutError")
        self.world.lifecycle_state = then
        return (
            Unknown("CompleteLifecycleAction: ReadTimeoutError", "ReadTimeoutError") if fault is Fault.LOST else Done()
        )


@dataclass(frozen=True)
class OwnStack:
    """The stack, which waits."""

    world: World

    def signal(self, resource: str) -> Request:
        if self.world.happens("stack: signal") in (Fault.FAILS, Fault.LOST, Fault.ENDS):
            return Unknown("SignalResource: ReadTimeoutError", "ReadTimeoutError")
        return Done()


@dataclass(frozen=True)
class Servers:
    """What runs on this node, and the API at its name, which always answers."""

    world: World

    def etcd(self) -> Reading[Status]:
        if self.world.happens("etcd: status") or self.world.etcd is None:
            return Unknown("status at 10.0.0.9: ConnectionRefusedError", "ConnectionRefusedError")
        return Known(self.world.etcd)

    def api(self) -> Done | Unknown:
        return SERVES_NOT if self.world.happens("api: own") else Done()

    def endpoint(self, pki: Pki) -> Done | Unknown:
        return SERVES_NOT if self.world.happens("api: endpoint") else Done()


@dataclass(frozen=True)
class Neighbours:
    """The members of the cluster that serves, as others see them."""

    world: World

    def introduce(self, pki: Pki, now: datetime) -> None:
        self.world.happens("etcd: introduce")

    def answers(self, addresses: Iterable[str], is_enough: Callable[[PeerAnswer], bool]) -> list[PeerAnswer]:
        record = self.world.record
        assert record is not None
        if self.world.happens("etcd: answers") or not self.world.answering:
            return []
        return [
            PeerAnswer(record.etcd_cluster_id, self.world.has_quorum) for each in addresses if each == OTHER_ADDRESS
        ]

    def members_without_majority(self, addresses: Iterable[str]) -> Reading[MemberList]:
        if self.world.happens("etcd: members without majority") or not self.world.answering:
            return Unknown("member list at 10.0.0.1: TimeoutError", "TimeoutError")
        return Known(MemberList(1, tuple(self.world.members)))

    def members(self, addresses: Iterable[str]) -> Reading[MemberList]:
        if self.world.happens("etcd: members") or not self.world.answering:
            return Unknown("member list at 10.0.0.1: TimeoutError", "TimeoutError")
        return Known(MemberList(1, tuple(self.world.members)))

    def silent(self, members: MemberList) -> list[str]:
        return [OTHER] if self.world.happens("etcd: silent") else []

    def remove(self, addresses: Iterable[str], member_id: int) -> Done | Unknown:
        fault = self.world.happens("etcd: remove")
        late = Unknown("member remove at 10.0.0.1: TimeoutError", "TimeoutError")
        if fault in (Fault.FAILS, Fault.ENDS):
            return late
        self.world.members = [each for each in self.world.members if each.member_id != member_id]
        return late if fault is Fault.LOST else Done()


@dataclass(frozen=True)
class Publisher:
    """Publishes what workers join by."""

    world: World

    def run(self) -> str:
        if self.world.happens("publish"):
            raise StageFailed("PutParameter: ReadTimeoutError")
        return "published"
