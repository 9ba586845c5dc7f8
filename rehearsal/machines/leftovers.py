"""What local clouds have on this computer, and the removal of what dead ones left behind.

Everything is found by the label of its cloud, `hf-<cloud>-` or `holdfast-<cloud>`, never by a broader name; what
belongs to a cloud whose owner lives is neither shown nor touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rehearsal.machines import local_clouds
from rehearsal.machines.instance import cgroups, syscalls, volumes
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.names import cloud_prefix

_NAMESPACE = re.compile(r"hf-([0-9a-f]{6})-")
_VOLUME = re.compile(r"holdfast-([0-9a-f]{6})-[^/]*")
_MOUNT_SOURCE = re.compile(r"holdfast-([0-9a-f]{6})")
_GROUP = re.compile(r"[0-9a-f]{6}")
KILL_SECONDS = 10.0
"""How long killed processes may take to end."""


@dataclass(frozen=True)
class Found:
    """What there is of one local cloud."""

    cloud_id: str
    pids: tuple[int, ...]
    mounts: tuple[str, ...]
    namespaces: tuple[str, ...]
    cgroups: tuple[str, ...]
    loops: tuple[str, ...] = ()
    """Loop devices, as /dev/loop0."""

    def __bool__(self) -> bool:
        return bool(self.pids or self.mounts or self.namespaces or self.cgroups or self.loops)

    def names(self) -> Iterator[str]:
        """Each thing, readable."""
        yield from (f"process {pid} ({_program(pid)}) of {self.cloud_id}" for pid in self.pids)
        yield from (f"mount {path}" for path in self.mounts)
        yield from (f"namespace {name}" for name in self.namespaces)
        yield from (f"cgroup {path}" for path in self.cgroups)
        yield from (f"loop device {name} of {self.cloud_id}" for name in self.loops)


def snapshot() -> frozenset[str]:
    """A picture to compare with a later one: everything of clouds that are dead or gone, and this computer's own links,
    firewall tables and settings, which no cloud may change for longer than it lives."""
    seen = _all()
    alive = local_clouds.alive()
    names = {name for cloud_id, found in seen.items() if cloud_id not in alive for name in found.names()}
    names |= {f"link {path.name}" for path in Path("/sys/class/net").iterdir()}
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    names |= {f"rule {line}" for line in tables.splitlines()}
    if not alive:
        names |= {f"setting {name} = {value}" for name, value in local_clouds.settings().items()}
    return frozenset(names)


def clean() -> list[str]:
    """Remove what dead local clouds left behind; a line for each cloud. OSError for what cannot be removed."""
    seen = _all()
    # Asked afterwards: a cloud is claimed before it has anything, so whatever was seen has a claim by now.
    dead = {record.cloud_id: record for record in local_clouds.records() if not record.alive}
    lines = []
    for cloud_id in sorted((seen.keys() | dead.keys()) - local_clouds.alive()):
        found = seen.get(cloud_id, Found(cloud_id, (), (), (), ()))
        remove(found)
        if cloud_id in dead:
            _remove_files(Path(dead[cloud_id].run_dir), cloud_id)
        local_clouds.release(cloud_id)
        lines.append(
            f"{cloud_id}: removed {len(found.pids)} processes, {len(found.mounts)} mounts, {len(found.namespaces)} "
            f"namespaces, {len(found.cgroups)} control groups, {len(found.loops)} loop devices"
        )
    return lines


def find(cloud_id: str) -> Found:
    """What there is of one local cloud, dead or alive."""
    return _all().get(cloud_id, Found(cloud_id, (), (), (), ()))


def remove(found: Found) -> None:
    """Remove all of it: processes first, as they hold the rest. OSError for what cannot be removed."""
    for pid in found.pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait(lambda: all(_program(pid) == "" for pid in found.pids), f"processes {found.pids} do not end")
    for path in found.mounts:
        syscalls.unmount(path, syscalls.MNT_DETACH)
    volumes.detach(found.loops)
    namespaces.remove(found.namespaces)
    if found.cgroups:
        cgroups.group_of(found.cloud_id).remove()


def _all() -> dict[str, Found]:
    """What there is of every local cloud, by its id."""
    mounts = _mounts()
    names = [(match[1], name) for name in namespaces.existing("hf-") if (match := _NAMESPACE.match(name))]
    groups = {cloud_id for cloud_id in cgroups.clouds() if _GROUP.fullmatch(cloud_id)}
    inside = _processes_inside([name for _, name in names])
    loops = [(match[1], name) for name, file in volumes.attached() if (match := _VOLUME.fullmatch(_last_part(file)))]
    found = {}
    for cloud_id in {each for each, _ in (*mounts, *names, *loops)} | groups:
        group = cgroups.group_of(cloud_id)
        own = tuple(name for _, name in names if name.startswith(cloud_prefix(cloud_id)))
        pids = set(group.pids()) | {pid for name in own for pid in inside[name]}
        found[cloud_id] = Found(
            cloud_id,
            tuple(sorted(pids)),
            # The last ones lie over earlier ones.
            tuple(path for each, path in reversed(mounts) if each == cloud_id),
            own,
            tuple(str(tree.path / group.name) for tree in group.trees if (tree.path / group.name).exists()),
            tuple(name for each, name in loops if each == cloud_id),
        )
    return found


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _mounts() -> list[tuple[str, str]]:
    """Cloud and path of every mount that carries a label, in the order of mounting."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        match = _MOUNT_SOURCE.fullmatch(after.split()[1])
        if match:
            # Spaces and the like are written as octal numbers (proc(5)).
            found.append((match[1], re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split()[4])))
    return found


def _processes_inside(names: list[str]) -> dict[str, list[int]]:
    """The processes whose network is one of these namespaces."""
    by_inode = {}
    for each in names:
        with contextlib.suppress(FileNotFoundError):  # Another local cloud has removed it in between.
            by_inode[(namespaces.FOLDER / each).stat().st_ino] = each
    found: dict[str, list[int]] = {name: [] for name in names}
    for path in Path("/proc").glob("[0-9]*") if names else ():
        with contextlib.suppress(OSError):  # Ended in between.
            name = by_inode.get((path / "ns" / "net").stat().st_ino)
            if name is not None:
                found[name].append(int(path.name))
    return found


def _remove_files(run_dir: Path, cloud_id: str) -> None:
    # All of a folder that has the cloud's name; of any other only what is surely the cloud's.
    target = run_dir if run_dir.name == cloud_id else run_dir / "instances"
    if target.exists():
        shutil.rmtree(target)


def _program(pid: int) -> str:
    """The name of a process's program; empty when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return ""
    return "" if "\nState:\tZ" in status else status.partition("\t")[2].partition("\n")[0]


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + KILL_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise OSError(otherwise)
        time.sleep(0.01)
