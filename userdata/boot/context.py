"""Everything that the steps of a control plane's boot need; `userdata.boot.wiring` makes it in one place."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coordination.outcomes import Unknown
from coordination.ports import Table
from userdata.boot.launch_hook import LaunchHeartbeat
from userdata.boot.ports import Backups, Groups, KeyStore, Machine, OwnGroup, Servers, Stack
from userdata.boot.stages import RunningStage, Stages
from userdata.config.cluster import described
from userdata.config.image import ImageFacts
from userdata.config.node_file import NodeFile
from userdata.config.settings import ClusterSettings, PoolSettings
from userdata.host.commands import Run
from userdata.host.etcd_disk import ClusterNode as ClusterNode
from userdata.host.etcd_disk import EtcdDisk
from userdata.host.instance import InstanceIdentity
from userdata.kubeadm import leftovers
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.node import CONTROL_PLANE_TAINT, Node, reserved
from userdata.kubeadm.oidc import OidcIssuer
from userdata.volume.states import State

_MIB = 1 << 20


@dataclass(frozen=True)
class Context:
    """One control-plane node that boots."""

    root: Path
    identity: InstanceIdentity
    node_file: NodeFile
    settings: ClusterSettings
    issuers: tuple[OidcIssuer, ...]
    """Whose tokens the API server takes."""
    image: ImageFacts
    kubernetes_version: str
    table: Table
    groups: Groups
    own_group: OwnGroup
    backups: Backups
    pki: KeyStore
    stack: Stack
    system: Machine
    volume: Callable[[], State]
    """What has become of the disk that etcd's data is on."""
    disk: EtcdDisk
    stages: Stages
    launch_hook: LaunchHeartbeat
    servers: Servers
    run: Run

    @property
    def instance_id(self) -> str:
        """This instance's id, which is the node's name."""
        return self.identity.instance_id

    @property
    def node(self) -> ClusterNode:
        """This node, as the decisions know it."""
        return ClusterNode(self.settings.cluster_id, self.instance_id)

    def cluster(self, epoch: int) -> Cluster:
        """What kubeadm is told of the cluster in this epoch."""
        return described(self.settings, self.node_file, self.image, self.kubernetes_version, epoch)

    def registration(self) -> Node:
        """What this node registers with."""
        return registration(self.identity, None)

    def tidy(self, told: RunningStage) -> None:
        """Remove the secrets that kubeadm needed. It has to be so after each of its runs, and stops no boot."""
        outcome = leftovers.tidy(self.root)
        if isinstance(outcome, Unknown):
            told.say(outcome.reason)


def registration(identity: InstanceIdentity, pool: PoolSettings | None) -> Node:
    """What a node registers with; a control plane has no pool."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    return Node(
        name=identity.instance_id,
        address=identity.address,
        zone=identity.zone,
        region=identity.region,
        instance_type=identity.instance_type,
        labels={} if pool is None else pool.labels,
        taints=(CONTROL_PLANE_TAINT,) if pool is None else (*pool.taints, *pool.startup_taints),
        reserved=reserved(os.cpu_count() or 1, memory_mib),
    )


def now() -> datetime:
    """The moment, by the node's clock."""
    return datetime.now(UTC)


def seconds_since_1970() -> int:
    """The same as the table has it."""
    return int(time.time())


def jittered(seconds: float, chance: Callable[[], float] = random.random) -> float:
    """About so long: three nodes that start together should not ask together for ever."""
    return seconds * (0.75 + chance() / 2)
