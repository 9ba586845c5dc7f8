"""The disks of an instance: its root in memory, of limited size; images and pods' volumes on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal.machines.instance import syscalls

ROOT_BYTES = 1024**3
"""A limit, not a reservation: a control plane writes about 0.1 GiB of settings and logs outside its data folders."""
_ROOT = "disk"


@dataclass(frozen=True)
class Disks:
    """The folder of one instance; `label` is the name that its mounts carry."""

    folder: Path
    label: str

    def make(self, containerd: Path, files: Mapping[str, str]) -> None:
        """Make everything anew: the image's containerd folder, and `files` (path -> text) in the root."""
        self.folder.mkdir(parents=True)
        (self.folder / _ROOT).mkdir()
        syscalls.mount(self.label, str(self.folder / _ROOT), "tmpfs", data=f"size={ROOT_BYTES},mode=700")
        for name in ("upper", "work", "root"):
            (self.folder / _ROOT / name).mkdir(mode=0o755)
        (self.folder / "kubelet").mkdir()
        copy_tree(containerd, self.folder / "containerd")
        for path, text in files.items():
            file = self.folder / _ROOT / "upper" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def fill(self) -> None:
        """Leave no room: every write fails with ENOSPC until `free`."""
        used = shutil.disk_usage(self.folder / _ROOT).used
        # A size of 0 would mean none at all (Documentation/filesystems/tmpfs.rst).
        self._resize(max(used, os.sysconf("SC_PAGE_SIZE")))

    def free(self) -> None:
        """Give the room back."""
        self._resize(ROOT_BYTES)

    def remove(self) -> None:
        """Remove everything but the console's file."""
        if os.path.ismount(self.folder / _ROOT):
            syscalls.unmount(str(self.folder / _ROOT), syscalls.MNT_DETACH)
        for child in self.folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child)

    def _resize(self, size_bytes: int) -> None:
        target = str(self.folder / _ROOT)
        syscalls.mount(self.label, target, "tmpfs", syscalls.MS_REMOUNT, f"size={size_bytes}")


def copy_tree(template: Path, target: Path) -> None:
    """Copy a containerd folder by hard links: containers write to layers of their own, never to what is linked.

    Databases are written in place, so they are copied. On another file system everything is.
    """
    if template.stat().st_dev != target.parent.stat().st_dev:
        subprocess.run(["cp", "-a", str(template), str(target)], check=True)
        return
    subprocess.run(["cp", "-al", str(template), str(target)], check=True)
    for database in template.rglob("*.db"):
        copied = target / database.relative_to(template)
        copied.unlink()
        shutil.copy2(database, copied)
