"""What machines need of the computer they run on, asked before anything is started: nothing is left partial."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from rehearsal.machines import socket_groups
from rehearsal.machines.instance.cgroups import hierarchies
from rehearsal.prerequisites import MACHINES

MEMORY_GIB = 4.0
"""Three control planes take 1.4 GiB with their add-ons, the local AWS 0.4; twice that lets tests run beside them."""
DISK_GIB = 6.0
"""An instance's disks take 0.2 GiB, the image 2; etcd and the logs of a long rehearsal need room."""
DISK_SHARE = 0.15
"""Kubelets judge this computer's disk as theirs: with less of it free they evict pods (imagefs.available<15%; the other
default thresholds are met sooner: nodefs.available<10%, Kubernetes documentation, "Node-pressure Eviction")."""
_NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--net", "--cgroup", "--fork")
_GIB = 1024**3


def problems(run_dir: Path) -> list[str]:
    """One line for each thing that is missing here; empty when machines can run with their files below `run_dir`."""
    if os.name != "posix" or not Path("/proc/self/ns").is_dir():
        return ["this system has no Linux namespaces: machines run on Linux only"]
    if os.geteuid() != 0:
        return [f"user id {os.geteuid()}: machines need root, for namespaces, mounts and firewall rules"]
    found = [
        f"there is no {name}: install {package}" for name, package in MACHINES.items() if shutil.which(name) is None
    ]
    if found:
        return found
    refusal = _refused(["unshare", *_NAMESPACES, "true"])
    if refusal:
        found.append(f"namespaces cannot be made: {refusal}")
    found += _no_disks()
    try:
        hierarchies()
    except RuntimeError as error:
        found.append(f"{error}: mount them, as systemd does")
    else:
        unheard = "" if refusal else socket_groups.problem()
        found += [unheard] if unheard else []
    available = _memory_available_gib()
    if available < MEMORY_GIB:
        found.append(f"{available:.1f} GiB of memory are available; needed: {MEMORY_GIB:.0f} GiB")
    usage = shutil.disk_usage(_existing(run_dir))
    if unfit := disk_problem(run_dir, usage.free, usage.total):
        found.append(unfit)
    return found


def disk_problem(run_dir: Path, free_bytes: int, total_bytes: int) -> str:
    """One line where the file system of `run_dir` has too little room; empty where it has enough.

    What a rehearsal takes may not bring it below the share at which kubelets evict: CoreDNS would stay Pending.
    """
    free, kept = free_bytes / _GIB, DISK_SHARE * total_bytes / _GIB
    if free >= kept + DISK_GIB:
        return ""
    return (
        f"{free:.1f} GiB of disk are free at {run_dir}; needed: {kept + DISK_GIB:.1f} GiB: "
        f"kubelets evict pods below {DISK_SHARE:.0%} of the disk ({kept:.1f} GiB), "
        f"and a rehearsal takes {DISK_GIB:.0f} GiB"
    )


def _no_disks() -> list[str]:
    """What is missing for etcd's own disk, which is a loop device with XFS."""
    found = []
    if refusal := _refused(["losetup", "--find"]):
        found.append(f"there are no loop devices, for etcd's disks: {refusal}")
    if "\txfs\n" not in Path("/proc/filesystems").read_text(encoding="ascii") and _refused(["modprobe", "xfs"]):
        found.append("this kernel has no XFS, for etcd's disks: use one that has it, or load its module xfs")
    return found


def _refused(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"{command[0]} ended with {done.returncode}" if done.returncode else ""


def _memory_available_gib() -> float:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024 / _GIB
    raise RuntimeError("/proc/meminfo has no MemAvailable")


def _existing(path: Path) -> Path:
    """The nearest folder on the way up that exists already."""
    while not path.exists():
        path = path.parent
    return path
