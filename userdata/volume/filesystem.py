"""Makes the file system of etcd's disk, and mounts it at etcd's data folder."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import stat
from pathlib import Path

from userdata.host.commands import Run
from userdata.host.etcd_disk import DATA_FOLDER
from userdata.logs.lines import StageFailed
from userdata.volume.decide import LABEL

OPTIONS = "noatime,nodev,nosuid,noexec"
"""Nothing but data is on it, and etcd never asks when a file was read."""
MODE = 0o700
"""What etcd and kubeadm give the folder, and what CIS' benchmark asks for."""
_FORMAT_SECONDS, _MOUNT_SECONDS = 300, 120
"""A mount after a crash replays the journal."""
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_IMMUTABLE_FL (linux/fs.h), on 64-bit machines."""


class DiskFailed(StageFailed):
    """A program that worked on the disk has failed."""


class InTheWay(StageFailed):
    """Something is at the data folder already."""


class DataFolder:
    """etcd's data folder on the machine whose files are below `root`."""

    def __init__(self, root: Path, run: Run) -> None:
        self._path = root / DATA_FOLDER.lstrip("/")
        self._run = run

    def is_mounted_from(self, node: Path) -> bool:
        """Whether the folder is this device already. Raises InTheWay where it is another one, and OSError."""
        if not os.path.ismount(self._path):
            return False
        if self._path.stat().st_dev != node.stat().st_rdev:
            raise InTheWay(f"another file system than {node.name} is mounted at {DATA_FOLDER}")
        return True

    def format(self, node: Path, uuid: str, *, again: bool) -> None:
        """Make a file system with this UUID. Raises DiskFailed.

        XFS, as Amazon Linux's own root: its new root folder is empty, as kubeadm wants etcd's, where ext4 has
        lost+found. Unforced, mkfs refuses by itself what it finds a signature on; `again` overwrites what this very
        node has left half made.
        """
        force = ("-f",) if again else ()
        self._needed(("mkfs.xfs", "-q", *force, "-L", LABEL, "-m", f"uuid={uuid}", str(node)), _FORMAT_SECONDS)

    def mount(self, node: Path) -> None:
        """Mount it for root alone. Raises DiskFailed, InTheWay and OSError.

        The folder below is made immutable first: where the disk is not mounted, nobody can write etcd's data to the
        root volume, root neither.
        """
        self._path.mkdir(mode=MODE, parents=True, exist_ok=True)
        if any(self._path.iterdir()):
            raise InTheWay(f"{DATA_FOLDER} on the root volume is not empty, and the disk would hide what is there")
        if stat.S_IMODE(self._path.stat().st_mode) != MODE:
            self._path.chmod(MODE)
        _make_immutable(self._path)
        self._needed(("mount", "-t", "xfs", "-o", OPTIONS, str(node), str(self._path)), _MOUNT_SECONDS)
        if not self.is_mounted_from(node):
            raise DiskFailed(f"mount succeeded, and {DATA_FOLDER} is no mount")
        os.chown(self._path, 0, 0)
        self._path.chmod(MODE)

    def _needed(self, command: tuple[str, ...], seconds: float) -> None:
        done = self._run(command, seconds)
        if not done.succeeded:
            lines = [line.strip() for line in done.output.splitlines() if line.strip()]
            said = lines[-1][:200] if lines else f"it ended with {done.status}"
            raise DiskFailed(f"{command[0]}: {said}")


def _make_immutable(folder: Path) -> None:
    """Forbid changes in a folder; a second belt, so that a file system without such flags is no failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            flags = array.array("l", [0])
            fcntl.ioctl(descriptor, _GET_FLAGS, flags, True)
            flags[0] |= _IMMUTABLE
            fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    finally:
        os.close(descriptor)
