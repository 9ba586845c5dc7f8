"""The control groups of an instance, below one group for each local cloud: `holdfast-<cloud>/<instance>`.

Both layouts that systemd knows work: only version 2, and the hybrid of version 1 controllers with a version 2 tree
beside them. Whatever the layout, it is the version 2 tree that counts and freezes an instance's processes.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PREFIX = "holdfast-"
SUPERVISORS = "supervisors"
"""The group of the processes that wait for instances: inside an instance's group they would be frozen with it."""
_KEPT_V1_OPTIONS = ("name=",)
_SUPER_BLOCK_OPTIONS = frozenset({"rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"})
EMPTY_SECONDS = 10.0
"""How long removing a group waits for its last processes: the kernel ends them after their parent was told."""


@dataclass(frozen=True)
class Hierarchy:
    """One mounted tree of control groups."""

    path: Path
    kind: str
    """The file system: `cgroup` (version 1) or `cgroup2`."""
    options: str
    """What to mount it with once more; empty for version 2."""


def hierarchies(mountinfo: str | None = None) -> tuple[Hierarchy, ...]:
    """This computer's trees, read from the text of /proc/self/mountinfo. RuntimeError without one of version 2."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if mountinfo is None else mountinfo
    found: dict[Path, Hierarchy] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        path, (kind, _, options) = Path(before.split()[4]), after.split()[:3]
        if kind in ("cgroup", "cgroup2") and (path == ROOT or ROOT in path.parents):
            found[path] = Hierarchy(path, kind, _mount_options(options) if kind == "cgroup" else "")
    trees = tuple(found[path] for path in sorted(found))
    if not any(tree.kind == "cgroup2" for tree in trees):
        raise RuntimeError(f"no control groups of version 2 are mounted below {ROOT}")
    return trees


def _mount_options(super_block: str) -> str:
    kept = [each for each in super_block.split(",") if each not in _SUPER_BLOCK_OPTIONS and "release_agent" not in each]
    return ",".join((["none"] if all(each.startswith(_KEPT_V1_OPTIONS) for each in kept) else []) + kept)


@dataclass(frozen=True)
class Group:
    """The same group in every tree; `name` is its path below the trees' roots."""

    name: str
    trees: tuple[Hierarchy, ...]

    @property
    def joining(self) -> tuple[str, ...]:
        """The files that a process writes 0 to when it joins."""
        return tuple(str(tree.path / self.name / "cgroup.procs") for tree in self.trees)

    def make(self) -> Group:
        """Make the group in every tree, with its controllers."""
        for tree in self.trees:
            path = tree.path
            for part in Path(self.name).parts:
                if tree.kind == "cgroup2":
                    _offer_controllers(path)
                path /= part
                path.mkdir(exist_ok=True)
                if "cpuset" in tree.options.split(","):
                    _copy_cpuset(path)
        return self

    def pids(self) -> list[int]:
        """Every process in the group and in the groups below it."""
        found = []
        for directory, _, _ in os.walk(self._unified):
            found += _read_pids(Path(directory) / "cgroup.procs")
        return found

    def freeze(self) -> None:
        """Stop every process where it is, also those that are started while it lasts."""
        self._write("cgroup.freeze", "1")

    def thaw(self) -> None:
        """Let them run on."""
        self._write("cgroup.freeze", "0")

    def remove(self) -> None:
        """Remove the group and all below it from every tree, once its processes are gone. OSError when they stay."""
        deadline = time.monotonic() + EMPTY_SECONDS
        for tree in self.trees:
            while not _removed(tree.path / self.name):
                if time.monotonic() > deadline:
                    raise OSError(f"control group {tree.path / self.name} is still in use by {self.pids()}")
                time.sleep(0.01)

    @property
    def _unified(self) -> Path:
        return next(tree.path for tree in self.trees if tree.kind == "cgroup2") / self.name

    def _write(self, file: str, text: str) -> None:
        (self._unified / file).write_text(text, encoding="ascii")


def group_of(cloud_id: str, name: str = "") -> Group:
    """The group of a local cloud, or one below it."""
    return Group(f"{PREFIX}{cloud_id}/{name}".rstrip("/"), hierarchies())


def clouds() -> set[str]:
    """The ids of the local clouds that have a group."""
    return {path.name.removeprefix(PREFIX) for tree in hierarchies() for path in tree.path.glob(f"{PREFIX}*")}


def _offer_controllers(parent: Path) -> None:
    """Version 2: children of a group have the controllers that it hands down; the hybrid's tree has none."""
    available = (parent / "cgroup.controllers").read_text(encoding="ascii").split()
    handed_down = (parent / "cgroup.subtree_control").read_text(encoding="ascii").split()
    for controller in available:
        if controller not in handed_down:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _copy_cpuset(path: Path) -> None:
    """Version 1: a new group has no processors and no memory, and nothing can join it until it has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        (path / name).write_text((path.parent / name).read_text(encoding="ascii"), encoding="ascii")
    (path / "cgroup.clone_children").write_text("1", encoding="ascii")


def _read_pids(file: Path) -> list[int]:
    try:
        return [int(line) for line in file.read_text(encoding="ascii").split()]
    except OSError:  # The group went away in between.
        return []


def _removed(path: Path) -> bool:
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True
