"""A machine below a folder whose one volume is a loop device, and the ways in which it may stop and start again."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.machines.instance import volumes
from userdata.host.commands import Finished, run
from userdata.logs.lines import Log
from userdata.volume import states
from userdata.volume.prepare import Preparation
from userdata.volume.states import Mounted, Prepared

MIB = 1 << 20
SIZE, TOO_SMALL = 320 * MIB, 64 * MIB
"""mkfs.xfs wants 300 MiB at least."""
OTHERS = "22222222-2222-4222-8222-222222222222"


class Crash(BaseException):
    """The machine stops here."""


@dataclass
class Machine:
    """A machine below a folder, with one volume."""

    root: Path
    file: Path
    ran: list[str] = field(default_factory=list)
    crash: Callable[[str], bool] = lambda moment: False
    """Whether the machine stops at `before <program>` or `after <program>`."""

    @property
    def folder(self) -> Path:
        return self.root / "var/lib/etcd"

    def attach(self) -> None:
        """Give the volume a device, as /dev/xvdb."""
        done = subprocess.run(["losetup", "--find", "--show", self.file], capture_output=True, text=True, check=True)
        node = self.root / "dev/xvdb"
        node.parent.mkdir(exist_ok=True)
        os.mknod(node, 0o60660, os.stat(done.stdout.strip()).st_rdev)

    def detach(self) -> None:
        """The machine goes down: what was mounted is not, and /run and /dev are empty."""
        if os.path.ismount(self.folder):
            subprocess.run(["umount", self.folder], check=True)
        (self.root / states.STATE_FILE.lstrip("/")).unlink(missing_ok=True)
        (self.root / "dev/xvdb").unlink(missing_ok=True)
        volumes.detach([name for name, file in volumes.attached() if file == str(self.file)])

    def reboot(self) -> None:
        self.detach()
        self.attach()

    def other_volume(self) -> None:
        """A blank volume takes the place of the one that was."""
        self.detach()
        self.file.unlink()
        blank(self.file, SIZE)
        self.attach()

    def prepare(self) -> Prepared:
        state = Preparation(self.root, self._run, wait_seconds=0.0).prepare(Log(lambda line: None))
        assert states.read(self.root) == state
        return state

    def _run(
        self, command: Sequence[str], seconds: float, *, stdin: str = "", ended: Callable[[], bool] = lambda: False
    ) -> Finished:
        self.ran.append(command[0])
        if self.crash(f"before {command[0]}"):
            raise Crash
        done = run(command, seconds)
        if self.crash(f"after {command[0]}"):
            raise Crash
        return done

    def digest(self) -> str:
        with self.file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def mount_options(self) -> set[str]:
        lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        ((options, kind),) = [(each[5], each[each.index("-") + 1]) for each in lines if each[4] == str(self.folder)]
        return {*options.split(","), kind}


def blank(file: Path, size: int) -> None:
    file.touch(0o600)
    os.truncate(file, size)


def flags(folder: Path, value: int) -> None:
    """Set a folder's flags (FS_IOC_SETFLAGS of linux/fs.h)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, 0x40086602, value.to_bytes(8, "little"))
    finally:
        os.close(descriptor)


def mounted(machine: Machine) -> str:
    """Prepare it; the UUID of what is mounted."""
    state = machine.prepare()
    assert isinstance(state, Mounted), state
    assert os.path.ismount(machine.folder)
    assert machine.folder.stat().st_dev == (machine.root / "dev/xvdb").stat().st_rdev
    return state.uuid
