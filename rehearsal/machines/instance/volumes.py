"""The volumes of an instance beside its root: sparse files behind loop devices, which stand in for EBS.

Their files are in memory, so that a flush costs etcd next to nothing, as before it had a disk. Each carries the label
of its cloud in its name, by which what a killed cloud has left is found (rehearsal/machines/leftovers.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal.machines.instance import syscalls
from rehearsal.machines.model import BlockDevice

MOST_BYTES = 1024**3
"""A limit, not a reservation, whatever the launch template says: etcd takes 0.2 GiB with its preallocated logs."""
_SLACK_BYTES = 1024**2
DETACH_SECONDS = 10.0
"""How long the kernel may take to let go of a device whose instance has ended."""
_FILLER = ".full"
_LOOPS = Path("/sys/block")


@dataclass(frozen=True)
class Node:
    """A device in an instance's /dev, by its numbers."""

    name: str
    major: int
    minor: int


@dataclass(frozen=True)
class Volumes:
    """The volumes of one instance, below a folder of its own; `label` is the name that its mounts and files carry."""

    folder: Path
    label: str
    devices: Sequence[BlockDevice]

    def make(self) -> None:
        """Make them, blank as EBS volumes are."""
        self.folder.mkdir()
        if not self.devices:
            return
        sizes = {self.file(each.name): min(each.size_gib * 1024**3, MOST_BYTES) for each in self.devices}
        room = sum(sizes.values()) + _SLACK_BYTES
        syscalls.mount(self.label, str(self.folder), "tmpfs", data=f"size={room},mode=700")
        for file, size in sizes.items():
            file.touch(0o600)
            os.truncate(file, size)

    def file(self, name: str) -> Path:
        """What is on the volume that is attached as `name`, such as /dev/sdb."""
        return self.folder / f"{self.label}-{name.rpartition('/')[2]}"

    def attach(self) -> tuple[Node, ...]:
        """Give each a device, for a boot: as on EC2 its number may be another one each time. OSError."""
        nodes = []
        for each in self.devices:
            device = _losetup("--find", "--show", str(self.file(each.name)))
            number = os.stat(device).st_rdev
            nodes.append(Node(_as_by_xen(each.name), os.major(number), os.minor(number)))
        return tuple(nodes)

    def detach(self) -> None:
        """Take the devices away again, once nothing of the instance runs. OSError where the kernel keeps one."""
        detach(self._own())

    def fill(self, root: Path) -> None:
        """Leave no room in those that the instance whose root is `root` has mounted."""
        for mounted in self._mounted(root):
            _fill(mounted / _FILLER)

    def free(self, root: Path) -> None:
        """Give the room back."""
        for mounted in self._mounted(root):
            (mounted / _FILLER).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove them, once they are detached."""
        if os.path.ismount(self.folder):
            syscalls.unmount(str(self.folder), syscalls.MNT_DETACH)

    def _own(self) -> list[str]:
        folder = self.folder.resolve()
        return [name for name, file in attached() if Path(file).parent == folder]

    def _mounted(self, root: Path) -> Iterator[Path]:
        """Where the instance has mounted them. There is one place for such: /var/lib/etcd."""
        numbers = {os.stat(name).st_rdev for name in self._own()}
        place = root / "var/lib/etcd"
        with contextlib.suppress(FileNotFoundError):
            if place.stat().st_dev in numbers:
                yield place


def attached() -> list[tuple[str, str]]:
    """Every loop device of this computer that has a file, and the file."""
    found = []
    for block in _LOOPS.glob("loop*"):
        with contextlib.suppress(OSError):
            file = (block / "loop/backing_file").read_text(encoding="utf-8").rstrip("\n")
            found.append((f"/dev/{block.name}", file))
    return found


def detach(names: Sequence[str]) -> None:
    """Detach loop devices from their files, and wait for it. OSError."""
    before = {name: file for name, file in attached() if name in names}
    for name in before:
        # One that is mounted yet is let go of with its last mount, which ends with its instance's namespace.
        _losetup("--detach", name)
    deadline = time.monotonic() + DETACH_SECONDS
    while kept := [each for each in attached() if each in before.items()]:
        if time.monotonic() > deadline:
            raise OSError(f"not detached within {DETACH_SECONDS:.0f} s: {', '.join(name for name, _ in kept)}")
        time.sleep(0.01)


def _as_by_xen(name: str) -> str:
    """How an instance sees a device of this name: Amazon Linux links the other name to it (launcher)."""
    return f"xvd{name.rpartition('/')[2].removeprefix('sd').removeprefix('xvd')}"


def _losetup(*arguments: str) -> str:
    done = subprocess.run(["losetup", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"losetup ended with {done.returncode}")
    return done.stdout.strip()


def _fill(file: Path) -> None:
    """Reserve all blocks that are free, without writing them."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        at, step = os.fstat(descriptor).st_size, MOST_BYTES
        while step >= os.sysconf("SC_PAGE_SIZE"):
            try:
                os.posix_fallocate(descriptor, at, step)
                at += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
    finally:
        os.close(descriptor)
