"""etcd's own disk as a real block device: it is formatted once, mounted again, and made whole after a crash."""

from __future__ import annotations

import os
from functools import partial

import pytest

from tests.machines.volumes.machine import MIB, SIZE, TOO_SMALL, Crash, Machine, mounted
from userdata.host.commands import run
from userdata.host.etcd_disk import ClusterNode, DataOwner, Disk, EtcdDisk
from userdata.logs.lines import Log
from userdata.volume import states
from userdata.volume.decide import DiskRecord
from userdata.volume.prepare import Preparation
from userdata.volume.states import Broken, Missing, Mounted


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


def test_a_wipe_empties_the_disk_and_leaves_it_mounted(machine: Machine) -> None:
    mounted(machine)
    (machine.folder / "member/wal").mkdir(parents=True)
    disk = EtcdDisk(machine.root)
    disk.identify(DataOwner(ClusterNode("arn", "i-me"), 1, "a"))
    disk.wipe()
    assert not disk.read().has_data
    assert os.path.ismount(machine.folder)
    assert machine.folder.stat().st_mode & 0o777 == 0o700
