"""Which device is etcd's: by what NVMe devices say of themselves, below a /sys and a /dev of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from userdata.volume import devices, nvme
from userdata.volume.decide import Absent, Unclear
from userdata.volume.devices import EBS_MODEL, Attached

INSTANCE_STORE = "Amazon EC2 NVMe Instance Storage"


def plugged(root: Path, name: str, model: str, *, node: bool = True) -> None:
    """An NVMe device: sysfs fills models up with blanks."""
    folder = root / "sys/block" / name / "device"
    folder.mkdir(parents=True)
    (folder / "model").write_text(f"{model:<40}\n")
    (root / "dev").mkdir(exist_ok=True)
    if node:
        (root / "dev" / name).touch()


def found(root: Path, names: dict[str, str]) -> devices.Attached | Absent | Unclear:
    """What is found, where each device says this name; OSError for one that says none."""

    def named(node: Path) -> str:
        if node.name not in names:
            raise OSError(5, "Input/output error")
        return names[node.name]

    return devices.find(root, "/dev/sdb", named)


@pytest.mark.parametrize("said", ["sdb", "/dev/sdb", "xvdb", "/dev/xvdb"])
def test_an_ebs_volume_is_found_by_the_name_that_it_says_however_that_is_written(tmp_path: Path, said: str) -> None:
    plugged(tmp_path, "nvme0n1", EBS_MODEL)
    plugged(tmp_path, "nvme1n1", EBS_MODEL)
    assert found(tmp_path, {"nvme0n1": said, "nvme1n1": "/dev/xvda"}) == Attached(tmp_path / "dev/nvme0n1")


def test_instance_store_is_never_taken_whatever_it_says(tmp_path: Path) -> None:
    plugged(tmp_path, "nvme0n1", EBS_MODEL)
    plugged(tmp_path, "nvme1n1", INSTANCE_STORE)
    assert isinstance(found(tmp_path, {"nvme0n1": "xvda", "nvme1n1": "/dev/sdb"}), Absent)


def test_the_second_disk_that_is_there_is_not_taken_for_being_the_second(tmp_path: Path) -> None:
    plugged(tmp_path, "nvme0n1", EBS_MODEL)
    plugged(tmp_path, "nvme1n1", EBS_MODEL)
    assert isinstance(found(tmp_path, {"nvme0n1": "xvda", "nvme1n1": "/dev/sdc"}), Absent)
    assert isinstance(found(tmp_path, {"nvme0n1": "xvda", "nvme1n1": ""}), Absent)


def test_a_machine_without_any_disk_has_none(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == Absent("no volume is attached as /dev/sdb")


def test_a_volume_that_cannot_be_asked_is_not_absent_unless_another_one_is_the_one(tmp_path: Path) -> None:
    plugged(tmp_path, "nvme0n1", EBS_MODEL)
    plugged(tmp_path, "nvme1n1", EBS_MODEL)
    doubt = found(tmp_path, {"nvme0n1": "xvda"})
    assert isinstance(doubt, Unclear)
    assert "nvme1n1: Input/output error" in doubt.reason
    assert found(tmp_path, {"nvme0n1": "sdb"}) == Attached(tmp_path / "dev/nvme0n1")


def test_two_that_say_the_same_are_not_chosen_between(tmp_path: Path) -> None:
    plugged(tmp_path, "nvme0n1", EBS_MODEL)
    plugged(tmp_path, "nvme1n1", EBS_MODEL)
    doubt = found(tmp_path, {"nvme0n1": "sdb", "nvme1n1": "xvdb"})
    assert isinstance(doubt, Unclear)
    assert "nvme0n1, nvme1n1" in doubt.reason


def test_a_device_of_the_computer_around_a_container_is_not_this_machines(tmp_path: Path) -> None:
    plugged(tmp_path, "nvme0n1", EBS_MODEL, node=False)
    assert isinstance(found(tmp_path, {"nvme0n1": "sdb"}), Absent)


def test_a_plain_file_of_that_name_is_no_disk(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/xvdb").touch()
    assert isinstance(found(tmp_path, {}), Absent)


@pytest.mark.parametrize("at", [nvme.VENDOR_OF_NAMESPACE, nvme.VENDOR_OF_CONTROLLER])
@pytest.mark.parametrize(
    ("said", "name"),
    [(b"/dev/sdb" + b" " * 24, "/dev/sdb"), (b"sdb" + b"\0" * 29, "sdb"), (b"\0" * 32, ""), (b" " * 32, "")],
)
def test_the_name_is_read_where_the_vendors_part_of_a_page_begins(at: int, said: bytes, name: str) -> None:
    page = bytearray(nvme.PAGE_BYTES)
    page[at : at + 32] = said
    page[at + 32 : at + 36] = b"more"
    assert nvme.name_in(bytes(page), at) == name


def test_what_is_no_nvme_device_refuses_to_be_asked(tmp_path: Path) -> None:
    (tmp_path / "nvme0n1").touch()
    with pytest.raises(OSError, match="ioctl"):
        nvme.device_name(tmp_path / "nvme0n1")
