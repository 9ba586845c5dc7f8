"""What an instance is booted with: pure values that the launcher carries out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from rehearsal.machines.instance.cgroups import ROOT, Group, Hierarchy
from rehearsal.machines.instance.volumes import Node
from rehearsal.machines.model import Machine

DATA_FOLDERS = ("var/lib/containerd", "var/lib/kubelet")
"""What has a place of its own outside the root: images and state are too large for memory."""
_UNSAFE_IN_OVERLAY_OPTIONS = frozenset(":,\\")


@dataclass(frozen=True)
class CgroupMount:
    """A tree of control groups inside an instance, at a path below /sys/fs/cgroup."""

    path: str
    kind: str
    options: str


@dataclass(frozen=True)
class Boot:
    """One boot. Paths are this computer's, but those of `cgroup_mounts` and `folders`."""

    hostname: str
    network: str
    """The file of the network namespace."""
    joining: tuple[str, ...]
    """The control groups that the instance's first process joins; they become the roots that it sees."""
    supervising: tuple[str, ...]
    """Those of the process that waits for it."""
    cgroup_mounts: tuple[CgroupMount, ...]
    layers: tuple[str, ...]
    """The overlay's lower folders, the upper one first."""
    disk: str
    """The folder of the overlay's `upper`, `work` and `root`."""
    folders: tuple[tuple[str, str], ...]
    """What is bound into the root: a folder here, a path there."""
    console: str
    """The file that keeps what the instance writes to its console."""
    devices: tuple[Node, ...] = ()
    """The volumes beside the root."""

    def overlay_options(self) -> str:
        """The data of mount(2). ValueError for a path that the kernel's syntax cannot hold."""
        lower = ":".join(overlay_path(layer) for layer in self.layers)
        disk = overlay_path(self.disk)
        return f"lowerdir={lower},upperdir={disk}/upper,workdir={disk}/work"

    def to_json(self) -> str:
        """For the launcher's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Boot:
        """The inverse of `to_json`."""
        # JSON has lists where a boot has tuples.
        given: dict[str, Any] = json.loads(text)
        fields: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
        fields["cgroup_mounts"] = tuple(CgroupMount(**each) for each in fields["cgroup_mounts"])
        fields["devices"] = tuple(Node(**each) for each in fields["devices"])
        fields["folders"] = tuple((here, there) for here, there in fields["folders"])
        return cls(**fields)


def overlay_path(path: str | Path) -> str:
    """A path for the options of an overlay. ValueError for one that their syntax cannot hold."""
    if _UNSAFE_IN_OVERLAY_OPTIONS & set(str(path)):
        raise ValueError(f"{path}: an overlay's path may not hold a colon, a comma or a backslash")
    return str(path)


def cgroup_mounts(trees: tuple[Hierarchy, ...]) -> tuple[CgroupMount, ...]:
    """Where an instance finds the trees that this computer has: in the same places."""
    return tuple(CgroupMount(str(tree.path.relative_to(ROOT)), tree.kind, tree.options) for tree in trees)


def boot(
    machine: Machine,
    network: str,
    group: Group,
    supervisors: Group,
    layers: tuple[Path, ...],
    folder: Path,
    devices: tuple[Node, ...] = (),
) -> Boot:
    """How a machine boots whose disks are below `folder`, and whose other volumes are `devices`."""
    return Boot(
        hostname=hostname(machine),
        network=network,
        joining=group.joining,
        supervising=supervisors.joining,
        cgroup_mounts=cgroup_mounts(group.trees),
        layers=tuple(str(layer) for layer in layers),
        disk=str(folder / "disk"),
        folders=tuple((str(folder / Path(there).name), there) for there in DATA_FOLDERS),
        console=str(folder / "console.log"),
        devices=devices,
    )


def domain(region: str) -> str:
    """The domain of private names in a region (VPC guide, "DNS attributes for your VPC")."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def hostname(machine: Machine) -> str:
    """The private name of an instance, which is the host's name on Amazon Linux."""
    return f"ip-{machine.interface.address.replace('.', '-')}.{domain(machine.region)}"


def first_files(machine: Machine, vpc: IPv4Network) -> dict[str, str]:
    """The files that DHCP and the first boot write on EC2: path -> text."""
    return {
        "etc/hostname": f"{hostname(machine)}\n",
        "etc/hosts": "127.0.0.1 localhost localhost.localdomain\n::1 localhost6 localhost6.localdomain6\n",
        # The VPC's resolver is at the base of the VPC's range, plus two (VPC guide, "Amazon DNS server").
        "etc/resolv.conf": f"search {domain(machine.region)}\nnameserver {vpc.network_address + 2}\n",
        "etc/machine-id": hashlib.sha256(machine.instance_id.encode()).hexdigest()[:32] + "\n",
    }
