"""What is on a device, by the real programs: a file with a file system in it reads as a device does."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from userdata.host.commands import Finished, run
from userdata.volume import probe
from userdata.volume.decide import LABEL, Blank, Foreign, Ours, Unclear, Unmarked

MIB = 1 << 20
UUID = "11111111-1111-4111-8111-111111111111"
SIZE = 320 * MIB
"""Sparse. mkfs.xfs wants 300 MiB at least."""

pytestmark = pytest.mark.skipif(
    any(shutil.which(each, path="/usr/sbin:/sbin:/usr/bin:/bin") is None for each in ("wipefs", "mkfs.xfs")),
    reason="wipefs or mkfs.xfs is not here: python3 -m rehearsal.prerequisites names their packages",
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    file = tmp_path / "disk"
    with file.open("wb") as stream:
        stream.truncate(SIZE)
    return file


def command(*argv: str) -> Callable[[Path], None]:
    """What writes a format with a program of its own; skipped where there is none."""

    def act(disk: Path) -> None:
        program = shutil.which(argv[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
        if program is None:
            pytest.skip(f"there is no {argv[0]}")
        subprocess.run([program, *argv[1:], str(disk)], capture_output=True, check=True)

    return act


def written(at: int, content: bytes) -> Callable[[Path], None]:
    def act(disk: Path) -> None:
        with disk.open("r+b") as stream:
            stream.seek(at)
            stream.write(content)

    return act


DOS = struct.pack("<BBHBBHII", 0, 0, 2, 0x83, 0, 0, 2048, 2048) + bytes(48) + b"\x55\xaa"
"""The end of a first sector: one partition, none, none, none, and the signature."""


def gpt(disk: Path) -> None:
    """A partition table without partitions, and its copy at the end (UEFI specification, "GUID Partition Table")."""
    last = SIZE // 512 - 1
    entries = bytes(128 * 128)
    for own, other, at in ((1, last, 2), (last, 1, last - 32)):
        fields = (own, other, 34, last - 33, bytes(15) + b"\x01", at, 128, 128, zlib.crc32(entries))
        header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, *fields)
        header = header[:16] + zlib.crc32(header).to_bytes(4, "little") + header[20:]
        written(own * 512, header)(disk)
    protective = struct.pack("<BBHBBHII", 0, 0, 2, 0xEE, 0xFF, 0xFFFF, 1, last) + bytes(48) + b"\x55\xaa"
    written(446, protective)(disk)


def lvm(disk: Path) -> None:
    """The label of a physical volume, as in lib/format_text/layout.h of LVM2: its checksum begins after itself."""
    label = bytearray(b"LABELONE" + (1).to_bytes(8, "little") + bytes(4) + (32).to_bytes(4, "little") + b"LVM2 001")
    label += b"x" * 32 + bytes(512 - 64)
    crc = 0xF597A6CF
    for byte in label[20:]:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
    label[16:20] = crc.to_bytes(4, "little")
    written(512, bytes(label))(disk)


def test_a_new_volume_is_blank(disk: Path) -> None:
    assert probe.content(disk, run) == Blank()


def test_a_file_system_of_ours_is_known_by_its_label_and_has_a_uuid(disk: Path) -> None:
    command("mkfs.xfs", "-q", "-L", LABEL, "-m", f"uuid={UUID}")(disk)
    assert probe.content(disk, run) == Ours(UUID)


FOREIGN: dict[str, tuple[Callable[[Path], None], str]] = {
    "ext4": (command("mkfs.ext4", "-q", "-L", "photos"), "ext4 labelled 'photos'"),
    "ext4 with our label": (command("mkfs.ext4", "-q", "-L", LABEL), f"ext4 labelled '{LABEL}'"),
    "xfs": (command("mkfs.xfs", "-q", "-L", "data"), "xfs labelled 'data'"),
    "xfs without a label": (command("mkfs.xfs", "-q"), "xfs"),
    "swap": (command("mkswap"), "swap"),
    "dos": (written(446, DOS), "a partition table (dos)"),
    "gpt": (gpt, "a partition table (gpt)"),
    "lvm": (lvm, "LVM2_member"),
    "luks": (written(0, b"LUKS\xba\xbe\x00\x01" + bytes(160) + UUID.encode() + bytes(300)), "crypto_LUKS"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_everything_else_that_is_known_is_foreign(disk: Path, kind: str) -> None:
    make, named = FOREIGN[kind]
    make(disk)
    found = probe.content(disk, run)
    assert isinstance(found, Foreign), found
    assert named in found.what


def test_the_copy_of_a_partition_table_at_the_end_is_enough(disk: Path) -> None:
    gpt(disk)
    written(0, bytes(MIB))(disk)
    assert isinstance(probe.content(disk, run), Foreign)


def test_ours_beside_another_signature_is_foreign(disk: Path) -> None:
    command("mkfs.xfs", "-q", "-L", LABEL)(disk)
    # Of a RAID whose superblock is at the end, version 0.90.
    written(SIZE - 65536, (0xA92B4EFC).to_bytes(4, "little") + bytes(4) + (90).to_bytes(4, "little") + bytes(80))(disk)
    found = probe.content(disk, run)
    assert isinstance(found, Foreign), found
    assert f"xfs labelled '{LABEL}'" in found.what


@pytest.mark.parametrize("at", [0, MIB - 1, SIZE - MIB, SIZE - 1])
def test_a_byte_at_an_edge_is_enough_to_be_no_new_volume(disk: Path, at: int) -> None:
    written(at, b"x")(disk)
    assert probe.content(disk, run) == Unmarked()


def test_a_label_is_shown_without_what_a_console_obeys(disk: Path) -> None:
    command("mkfs.ext4", "-q", "-L", "a\x1b[2Jb\nc")(disk)
    assert probe.content(disk, run) == Foreign("ext4 labelled 'a[2Jbc'")


def said(status: int | None, output: str) -> Callable[..., Finished]:
    def answer(command: Sequence[str], seconds: float, **more: object) -> Finished:
        return Finished(status, output)

    return answer


def test_what_cannot_be_read_is_unclear_and_never_blank(disk: Path) -> None:
    gone = probe.content(disk.with_name("gone"), run)
    assert isinstance(gone, Unclear)
    assert "No such file" in gone.reason
    disk.write_bytes(b"")
    assert isinstance(probe.content(disk, run), Unclear)


@pytest.mark.parametrize(
    ("status", "output"),
    [(1, "wipefs: error: probing initialization failed"), (None, "it was ended"), (0, "{"), (0, "[]"), (0, "{}")],
)
def test_a_probe_that_fails_is_unclear_and_never_blank(disk: Path, status: int | None, output: str) -> None:
    assert isinstance(probe.content(disk, said(status, output)), Unclear)
