"""etcd's own disk as a real block device: a loop device that is formatted, mounted, and found again, or refused."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from rehearsal.machines.instance import volumes
from tests.machines.claims import claimed_cloud
from userdata.host.commands import Finished, run
from userdata.host.etcd_disk import ClusterNode, DataOwner, Disk, EtcdDisk
from userdata.logs.lines import Log
from userdata.volume import states
from userdata.volume.decide import LABEL, DiskRecord
from userdata.volume.prepare import Preparation
from userdata.volume.states import Broken, Missing, Mounted, Prepared, Refused

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


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with claimed_cloud() as cloud_id:
        made = Machine(tmp_path / "root", tmp_path / f"holdfast-{cloud_id}-sdb")
        made.root.mkdir()
        blank(made.file, SIZE)
        made.attach()
        yield made
        made.detach()
        if made.folder.exists():
            # Else nobody could remove the test's folder.
            flags(made.folder, 0)


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


def test_a_first_boot_formats_it_and_mounts_it_empty_for_root_alone(machine: Machine) -> None:
    uuid = mounted(machine)
    assert list(machine.folder.iterdir()) == []
    status = machine.folder.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o700, 0, 0)
    assert {"noatime", "nodev", "nosuid", "noexec", "rw", "xfs"} <= machine.mount_options()
    assert states.remembered(machine.root) == DiskRecord(uuid, formatted=True)


def test_a_reboot_mounts_the_same_file_system_with_its_data_and_formats_nothing(machine: Machine) -> None:
    uuid = mounted(machine)
    (machine.folder / "member").mkdir()
    (machine.folder / "member/db").write_text("data")
    machine.reboot()
    machine.ran.clear()
    assert mounted(machine) == uuid
    assert (machine.folder / "member/db").read_text() == "data"
    assert "mkfs.xfs" not in machine.ran
    # The unit may be started again while it is mounted.
    assert mounted(machine) == uuid


def test_where_it_is_not_mounted_nobody_can_write_etcds_data_to_the_root_volume(machine: Machine) -> None:
    mounted(machine)
    machine.detach()
    with pytest.raises(PermissionError, match="Operation not permitted"):
        (machine.folder / "member").mkdir()


def test_a_blank_disk_in_the_place_of_the_former_is_formatted_and_nothing_is_said_of_its_data(machine: Machine) -> None:
    before = mounted(machine)
    disk = EtcdDisk(machine.root)
    disk.identify(DataOwner(ClusterNode("arn", "i-me"), 1, "a"))
    disk.mark()
    machine.reboot()
    mounted(machine)
    assert disk.read().has_marker
    machine.other_volume()
    after = mounted(machine)
    assert after != before
    # Else the node could start as the member that it was, with nothing of what that had promised.
    assert disk.read() == Disk()
    assert states.remembered(machine.root) == DiskRecord(after, formatted=True)


def ext4_with_a_file(machine: Machine) -> None:
    subprocess.run(["mkfs.ext4", "-q", "-L", "photos", machine.file], check=True)
    with (machine.root / "photo").open("w") as stream:
        stream.write("a photo")
    subprocess.run(["debugfs", "-w", "-R", f"write {machine.root / 'photo'} photo", machine.file], check=True)


def swap(machine: Machine) -> None:
    subprocess.run(["mkswap", "-q", machine.file], check=True)


def raw(machine: Machine) -> None:
    with machine.file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"a database without a file system")


@pytest.mark.parametrize(
    ("make", "named", "begun"),
    [
        (ext4_with_a_file, "ext4 labelled 'photos'", False),
        # Whatever this node had begun to format, this is not it.
        (ext4_with_a_file, "ext4 labelled 'photos'", True),
        (swap, "swap", False),
        (raw, "no known format", False),
    ],
    ids=["ext4", "ext4-after-a-crash", "swap", "raw"],
)
def test_a_disk_that_holds_anything_else_is_left_as_it_is_byte_by_byte(
    machine: Machine, make: Callable[[Machine], None], named: str, begun: bool
) -> None:
    machine.detach()
    make(machine)
    machine.attach()
    if begun:
        states.remember(machine.root, DiskRecord(OTHERS, formatted=False))
    before = machine.digest()
    state = machine.prepare()
    assert isinstance(state, Refused)
    assert named in state.reason
    assert machine.digest() == before
    assert not os.path.ismount(machine.folder)
    assert not {"mkfs.xfs", "mount"} & set(machine.ran)


def test_mkfs_refuses_by_itself_what_has_come_since_the_look(machine: Machine) -> None:
    """What wipefs and mkfs think of a disk is asked twice, so that a race costs no data."""

    def comes(moment: str) -> bool:
        if moment == "after wipefs" and "mkfs.xfs" not in machine.ran:
            subprocess.run(["mkfs.ext4", "-q", machine.root / "dev/xvdb"], check=True)
        return False

    machine.crash = comes
    state = machine.prepare()
    assert isinstance(state, Broken)
    assert "mkfs.xfs" in state.reason
    machine.crash = lambda moment: False
    assert isinstance(machine.prepare(), Refused)


@pytest.mark.parametrize(
    "moments",
    [["before mkfs.xfs"], ["after mkfs.xfs"], ["before mount"], ["after mkfs.xfs", "before mkfs.xfs"]],
    ids=", ".join,
)
def test_after_crashes_between_looking_and_mounting_the_next_boot_does_right(
    machine: Machine, moments: list[str]
) -> None:
    for moment in moments:
        machine.crash = partial(str.__eq__, moment)
        with pytest.raises(Crash):
            machine.prepare()
        machine.reboot()
    machine.crash = lambda now: False
    uuid = mounted(machine)
    assert states.remembered(machine.root) == DiskRecord(uuid, formatted=True)


@pytest.mark.parametrize(
    "lost", [(0, 512), (0, MIB), (512, 4096)], ids=["superblock", "first-mib", "all-but-superblock"]
)
def test_a_file_system_that_a_crash_left_half_made_is_made_anew(machine: Machine, lost: tuple[int, int]) -> None:
    machine.crash = lambda now: now == "after mkfs.xfs"
    with pytest.raises(Crash):
        machine.prepare()
    machine.crash = lambda now: False
    machine.detach()
    with machine.file.open("r+b") as stream:
        stream.seek(lost[0])
        stream.write(bytes(lost[1]))
    machine.attach()
    mounted(machine)
    (machine.folder / "written").write_text("x")


def test_a_file_system_of_ours_from_elsewhere_is_mounted_and_its_data_is_nobodys(machine: Machine) -> None:
    machine.detach()
    subprocess.run(["mkfs.xfs", "-q", "-L", LABEL, "-m", f"uuid={OTHERS}", machine.file], check=True)
    machine.attach()
    assert mounted(machine) == OTHERS
    (machine.folder / "member").mkdir()
    found = EtcdDisk(machine.root).read()
    assert found.has_data
    assert found.identity is None


def test_another_nodes_disk_is_refused_where_this_node_has_had_one(machine: Machine) -> None:
    own = mounted(machine)
    machine.detach()
    subprocess.run(["mkfs.xfs", "-q", "-f", "-L", LABEL, "-m", f"uuid={OTHERS}", machine.file], check=True)
    machine.attach()
    state = machine.prepare()
    assert isinstance(state, Refused)
    assert OTHERS in state.reason
    assert own in state.reason


def test_what_a_link_calls_an_nvme_device_is_not_believed(machine: Machine) -> None:
    """As udev would link instance store, or a volume that does not say its name itself."""
    (machine.root / "dev/xvdb").rename(machine.root / "dev/nvme1n1")
    (machine.root / "dev/sdb").symlink_to("nvme1n1")
    assert isinstance(machine.prepare(), Missing)
    (machine.root / "dev/nvme1n1").rename(machine.root / "dev/xvdb")
    (machine.root / "dev/sdb").unlink()
    (machine.root / "dev/sdb").symlink_to("xvdb")
    mounted(machine)


def test_a_device_is_waited_for_and_that_it_never_came_is_said(machine: Machine) -> None:
    machine.detach()
    sleeps: list[float] = []
    state = Preparation(machine.root, run, 3.0, sleeps.append, lambda: float(len(sleeps))).prepare(Log(lambda _: None))
    assert state == Missing("no volume is attached as /dev/sdb")
    assert len(sleeps) == 3

    def late(seconds: float) -> None:
        sleeps.append(seconds)
        machine.attach()

    state = Preparation(machine.root, run, 9.0, late, lambda: float(len(sleeps))).prepare(Log(lambda _: None))
    assert isinstance(state, Mounted)


def test_a_volume_that_mkfs_does_not_take_is_broken_and_the_next_try_may_succeed(machine: Machine) -> None:
    machine.detach()
    os.truncate(machine.file, TOO_SMALL)
    machine.attach()
    state = machine.prepare()
    assert isinstance(state, Broken)
    assert "mkfs.xfs" in state.reason
    assert not os.path.ismount(machine.folder)
    machine.detach()
    os.truncate(machine.file, SIZE)
    machine.attach()
    mounted(machine)


def test_a_file_system_of_this_node_that_does_not_mount_is_broken_and_never_formatted(machine: Machine) -> None:
    mounted(machine)
    machine.detach()
    with machine.file.open("r+b") as stream:
        # A version of XFS that no kernel knows.
        stream.seek(100)
        stream.write(b"\xff\xff")
    before = machine.digest()
    machine.attach()
    machine.ran.clear()
    state = machine.prepare()
    assert isinstance(state, Broken | Refused), state
    assert "mkfs.xfs" not in machine.ran
    machine.detach()
    assert machine.digest() == before


def test_what_lies_in_the_folder_on_the_root_volume_is_not_hidden(machine: Machine) -> None:
    machine.folder.mkdir(parents=True)
    (machine.folder / "member").mkdir()
    state = machine.prepare()
    assert isinstance(state, Refused)
    assert "would hide" in state.reason
    assert (machine.folder / "member").is_dir()


def test_another_file_system_in_the_folder_is_left_alone(machine: Machine) -> None:
    machine.folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", machine.folder], check=True)
    state = machine.prepare()
    assert isinstance(state, Refused)
    assert "another file system" in state.reason


def test_a_wipe_empties_the_disk_and_leaves_it_mounted(machine: Machine) -> None:
    mounted(machine)
    (machine.folder / "member/wal").mkdir(parents=True)
    disk = EtcdDisk(machine.root)
    disk.identify(DataOwner(ClusterNode("arn", "i-me"), 1, "a"))
    disk.wipe()
    assert not disk.read().has_data
    assert os.path.ismount(machine.folder)
    assert machine.folder.stat().st_mode & 0o777 == 0o700
