"""The etcd data on an instance, and whose it is said to be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.unit.userdata.boot.looks import ETCD, ME
from userdata.host.etcd_disk import DATA_FOLDER, IDENTITY_FILE, MARKER_FILE, DataOwner, Disk, EtcdDisk

MINE = DataOwner(ME, 2, ETCD)


def at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def with_data(root: Path) -> None:
    at(root, f"{DATA_FOLDER}/member/wal").mkdir(parents=True)
    at(root, f"{DATA_FOLDER}/member/wal/0.wal").write_text("log")


def test_a_new_instance_has_nothing(tmp_path: Path) -> None:
    assert EtcdDisk(tmp_path).read() == Disk()
    at(tmp_path, DATA_FOLDER).mkdir(parents=True)
    assert EtcdDisk(tmp_path).read() == Disk()


def test_data_has_no_owner_until_one_is_named(tmp_path: Path) -> None:
    with_data(tmp_path)
    disk = EtcdDisk(tmp_path)
    assert disk.read() == Disk(has_data=True)
    disk.identify(MINE)
    assert disk.read() == Disk(has_data=True, identity=MINE)
    disk.mark()
    assert disk.read() == Disk(has_data=True, identity=MINE, has_marker=True)


def test_what_is_said_of_the_data_is_outside_of_etcds_folder_and_for_root_alone(tmp_path: Path) -> None:
    disk = EtcdDisk(tmp_path)
    disk.identify(MINE)
    disk.mark()
    for path in (IDENTITY_FILE, MARKER_FILE):
        assert not path.startswith(DATA_FOLDER)
        assert stat.S_IMODE(at(tmp_path, path).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"{}", b'{"node": {"cluster_id": "x"}, "epoch": 1, "etcd_cluster_id": "a"}', b"\xff\xfe"],
)
def test_an_identity_that_cannot_be_understood_is_nobodys(tmp_path: Path, content: bytes) -> None:
    with_data(tmp_path)
    place = at(tmp_path, IDENTITY_FILE)
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    assert EtcdDisk(tmp_path).read() == Disk(has_data=True)


def test_what_is_wiped_is_gone_with_all_that_was_said_of_it_and_the_folder_stays(tmp_path: Path) -> None:
    with_data(tmp_path)
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    at(tmp_path, f"{DATA_FOLDER}/link").symlink_to(kept)
    at(tmp_path, f"{DATA_FOLDER}/file").write_text("")
    disk = EtcdDisk(tmp_path)
    disk.identify(MINE)
    disk.mark()
    disk.wipe()
    assert disk.read() == Disk()
    assert list(at(tmp_path, DATA_FOLDER).iterdir()) == []
    assert kept.is_dir()


def test_a_wipe_may_be_repeated_and_needs_nothing(tmp_path: Path) -> None:
    EtcdDisk(tmp_path).wipe()
    EtcdDisk(tmp_path).wipe()
    assert EtcdDisk(tmp_path).read() == Disk()


def test_a_wipe_that_is_interrupted_leaves_data_without_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_data(tmp_path)
    disk = EtcdDisk(tmp_path)
    disk.identify(MINE)
    disk.mark()

    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(OSError, match="Input/output"):
        disk.wipe()
    assert disk.read() == Disk(has_data=True)
