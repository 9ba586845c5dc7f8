"""Loop devices that stand in for EBS volumes: blank, found by their cloud's name, full when asked, gone at the end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines import leftovers
from rehearsal.machines.instance.volumes import MOST_BYTES, Node, Volumes, attached
from rehearsal.machines.model import BlockDevice
from tests.machines.claims import claimed_cloud
from tests.unit.project.rooms import ROOT

WITHOUT_LOOPS = 'mount -t tmpfs none /dev; mknod /dev/null c 1 3; exec "$@"'
ASK = "from pathlib import Path; from rehearsal.machines import needs; print('\\n'.join(needs.problems(Path('/tmp'))))"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Volumes]:
    with claimed_cloud() as cloud_id:
        # As a folder may be given: by a link.
        (tmp_path / "link").symlink_to(tmp_path)
        volumes = Volumes(tmp_path / "link/volumes", f"holdfast-{cloud_id}", (BlockDevice("/dev/sdb", 20),))
        volumes.make()
        yield volumes
        volumes.detach()
        volumes.remove()
        assert not leftovers.find(cloud_id)


def loops(volumes: Volumes) -> list[str]:
    return [name for name, file in attached() if Path(file) == volumes.file("/dev/sdb").resolve()]


def test_a_volume_is_blank_and_bounded_and_found_by_its_clouds_name(made: Volumes) -> None:
    (node,) = made.attach()
    (loop,) = loops(made)
    assert node == Node("xvdb", 7, int(loop.removeprefix("/dev/loop")))
    status = made.file("/dev/sdb").stat()
    assert (status.st_size, status.st_blocks) == (MOST_BYTES, 0)
    assert leftovers.find(made.label.partition("-")[2]).loops == (loop,)


def test_what_is_written_stays_when_the_device_is_another_one(made: Volumes) -> None:
    made.attach()
    (loop,) = loops(made)
    Path(loop).write_bytes(b"kept")
    subprocess.run(["blockdev", "--flushbufs", loop], check=True)
    made.detach()
    assert loops(made) == []
    made.attach()
    with Path(loops(made)[0]).open("rb") as stream:
        assert stream.read(4) == b"kept"


def test_leftovers_are_detached_although_they_are_mounted_under_a_folder_that_is_gone(
    made: Volumes, tmp_path: Path
) -> None:
    made.attach()
    found = leftovers.find(made.label.partition("-")[2])
    assert found.loops
    assert found.mounts
    leftovers.remove(found)
    assert not leftovers.find(found.cloud_id)


def test_a_full_volume_takes_nothing_more_until_it_is_freed(made: Volumes, tmp_path: Path) -> None:
    made.attach()
    (loop,) = loops(made)
    root = tmp_path / "root"
    folder = root / "var/lib/etcd"
    folder.mkdir(parents=True)
    # Nothing is mounted yet.
    made.fill(root)
    subprocess.run(["mkfs.xfs", "-q", loop], check=True)
    subprocess.run(["mount", loop, folder], check=True)
    try:
        made.fill(root)
        with pytest.raises(OSError, match="No space left on device"):
            (folder / "more").write_bytes(bytes(100_000))
        made.free(root)
        (folder / "more").write_bytes(bytes(100_000))
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_computer_without_loop_devices_is_told_so_in_one_line() -> None:
    command = ["unshare", "--mount", "sh", "-c", WITHOUT_LOOPS, "sh", sys.executable, "-c", ASK]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert len([line for line in said.splitlines() if line.startswith("there are no loop devices")]) == 1
