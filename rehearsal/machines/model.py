"""What a machine is told by EC2: the facts of an instance that its namespaces, network and metadata follow from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Interface:
    """An elastic network interface: an address in a subnet."""

    interface_id: str
    vpc_id: str
    subnet_id: str
    zone: str
    address: str
    mac: str


@dataclass(frozen=True)
class MetadataOptions:
    """How an instance may ask for its metadata (EC2 API, InstanceMetadataOptions)."""

    enabled: bool = True
    tokens_required: bool = True
    hop_limit: int = 1
    tags: bool = False


@dataclass(frozen=True)
class BlockDevice:
    """An EBS volume of an instance, by the name of its block device mapping."""

    name: str
    """As /dev/sdb."""
    size_gib: int


@dataclass(frozen=True)
class Machine:
    """An instance as EC2 describes it."""

    instance_id: str
    image_id: str
    instance_type: str
    region: str
    account_id: str
    interface: Interface
    launched_at: datetime
    user_data: bytes
    """Decoded; empty where the launch template has none."""
    instance_profile_arn: str | None
    role_arn: str | None
    metadata: MetadataOptions
    volumes: tuple[BlockDevice, ...] = ()
    """Those beside the root volume."""


class PodNetwork(StrEnum):
    """What carries pods' packets."""

    BRIDGE = "bridge"
    """A bridge on each node, with tunnels that the local cloud lays, and kube-proxy."""
    CILIUM = "cilium"
    """The image's own add-on, as on EC2."""


@dataclass(frozen=True)
class Image:
    """A machine image: what it adds to the base system of every instance. Both folders are shared and never written."""

    layer: Path
    """An overlay's lower folder: programs, units, configuration."""
    containerd: Path
    """A /var/lib/containerd in which every container image of `kubernetes` is imported already."""
    kubernetes: str
    """The version, as `v1.37.2`."""
    node: Path | None = None
    """A layer over `layer` with the program that user data starts; None where `layer` has it."""
    network: PodNetwork = PodNetwork.BRIDGE

    @property
    def layers(self) -> tuple[Path, ...]:
        """The image's lower folders, the upper one first."""
        return (self.layer,) if self.node is None else (self.node, self.layer)


class Host(Protocol):
    """What runs the instances of a local EC2. Every call returns at once; what comes of it is told to `States`."""

    def tell(self, states: States) -> None:
        """Whom to tell from now on what becomes of the instances."""

    def start(self, machine: Machine) -> None:
        """Boot an instance for the first time, or again after a stop."""

    def terminate(self, instance_id: str) -> None:
        """Shut an instance down, with a deadline, and remove everything that it had."""

    def stop(self, instance_id: str, *, force: bool) -> None:
        """Shut an instance down and keep its disks; with `force` without asking its system."""

    def reboot(self, instance_id: str) -> None:
        """Restart an instance's system; it keeps disks and address."""

    def console_output(self, instance_id: str) -> bytes:
        """What the instance's system wrote to its console so far; empty for an unknown one."""

    def reachable(self, instance_id: str) -> bool:
        """Whether its kernel answers at its own interface: what EC2's instance status check asks (EC2 guide)."""


class States(Protocol):
    """Where a host tells what became of an instance; EC2 then shows it."""

    def changed(self, instance_id: str, state: str) -> None:
        """`running`, `stopped` or `terminated`."""
