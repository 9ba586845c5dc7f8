"""What a real block device may hold that is not this node's: it is left as it is, and said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.machines.volumes.machine import OTHERS, Machine, mounted
from userdata.host.etcd_disk import EtcdDisk
from userdata.volume import states
from userdata.volume.decide import LABEL, DiskRecord
from userdata.volume.states import Broken, Refused


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
