"""Files that are rotated while they are read: no line is missing and none comes twice, and what is gone is said."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userdata.shipping.files import RotatedFiles
from userdata.shipping.formats import Line, container
from userdata.shipping.source import Cursor

PATTERN = "audit*.log"


def plain(data: bytes) -> Line:
    return Line(data)


class Reader:
    """Reads a folder's files, and remembers what it read and, as the shipping program does, where it came to."""

    def __init__(self, folder: Path, largest_bytes: int = 1 << 16) -> None:
        self.folder = folder
        self.largest_bytes = largest_bytes
        self.lines: list[str] = []
        self.losses: list[str] = []
        self.cursor: Cursor = {}
        self.start()

    def start(self) -> None:
        """Start again with the last cursor."""
        self.files = RotatedFiles(self.folder, PATTERN, plain, self.cursor, largest_bytes=self.largest_bytes)

    def look(self) -> bool:
        chunk = self.files.read()
        if chunk is None:
            return False
        self.lines += [event.message for event in chunk.events]
        self.losses += chunk.losses
        self.cursor = chunk.cursor
        return True

    def finish(self) -> None:
        """Look until nothing comes any more: the end of a file without its last line's end takes two looks."""
        idle = 0
        while idle < 2:
            idle = 0 if self.look() else idle + 1


class Writer:
    """Writes and rotates as the API server's logger does: rename, then a new file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "audit.log"
        self.number = 0
        self.rotations = 0
        self.open = b""

    def line(self, ended: bool = True) -> None:
        """Write the next line, or its first half."""
        text = self.open or f"line {self.number:06} ".encode()
        with self.path.open("ab") as file:
            file.write(b"end\n" if self.open else text + (b"end\n" if ended else b""))
        self.open = b"" if ended or self.open else text
        self.number += not self.open

    def rotate(self) -> None:
        """Only between two lines."""
        if self.open:
            self.line()
        if self.path.exists():
            self.rotations += 1
            self.path.rename(self.path.with_name(f"audit-{self.rotations:04}.log"))
            self.path.touch()

    @property
    def written(self) -> list[str]:
        return [f"line {number:06} end" for number in range(self.number)]


ACTIONS = st.lists(st.sampled_from(["line", "half", "rotate", "look", "look", "restart"]), max_size=60)


@given(ACTIONS, st.sampled_from([8, 40, 1 << 16]))
def test_whenever_files_are_renamed_and_the_program_restarts_no_line_is_lost_or_comes_twice(
    actions: list[str], largest_bytes: int
) -> None:
    with TemporaryDirectory() as made:
        folder = Path(made)
        writer, reader = Writer(folder), Reader(folder, largest_bytes)
        for action in actions:
            match action:
                case "line" | "half":
                    writer.line(action == "line")
                case "rotate":
                    writer.rotate()
                case "look":
                    reader.look()
                case _:
                    reader.start()
        if writer.open:
            writer.line()
        reader.finish()
        assert reader.losses == []
        if largest_bytes > 20:
            # Renamed files may have been written within the same tick of the clock, so their order is not looked at.
            assert sorted(reader.lines) == writer.written
        else:
            assert sorted("".join(reader.lines)) == sorted("".join(writer.written))


@pytest.mark.parametrize("anew", [True, False], ids=["and begun anew", "and gone for now"])
def test_a_file_that_is_renamed_while_it_is_looked_for_is_not_taken_for_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    writer, reader = Writer(tmp_path), Reader(tmp_path)
    writer.line()
    reader.finish()
    writer.line()
    rotated: list[Path] = []

    def after_the_listing(path: Path) -> os.stat_result:
        if not rotated:
            rotated.append(path)
            writer.rotate()
            if not anew:
                writer.path.unlink()
        return os.lstat(path)

    monkeypatch.setattr(Path, "lstat", after_the_listing)
    reader.finish()
    writer.line()
    reader.finish()
    assert rotated
    assert (reader.losses, reader.lines) == ([], writer.written)


def test_lines_of_a_renamed_file_come_before_those_of_the_new_one(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), Reader(tmp_path)
    writer.line()
    assert reader.look()
    writer.line()
    writer.rotate()
    writer.line()
    # The clock of a file system ticks some hundred times a second.
    os.utime(tmp_path / "audit-0001.log", (1, 1))
    reader.finish()
    assert reader.lines == writer.written


def test_a_line_that_is_not_finished_waits_for_its_end(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), Reader(tmp_path)
    writer.line(ended=False)
    assert not reader.look()
    assert not reader.look()
    writer.line()
    reader.finish()
    assert reader.lines == writer.written


def test_what_a_writer_that_died_left_of_a_line_is_shipped_once_there_is_a_newer_file(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    (tmp_path / "audit-1.log").write_text("whole\nhal")
    os.utime(tmp_path / "audit-1.log", (1, 1))
    (tmp_path / "audit.log").write_text("next\n")
    reader.finish()
    assert sorted(reader.lines) == ["hal", "next", "whole"]
    assert not reader.look()


def test_a_line_that_is_larger_than_a_chunk_comes_in_parts(tmp_path: Path) -> None:
    reader = Reader(tmp_path, largest_bytes=10)
    (tmp_path / "audit.log").write_text("ä" * 100 + "\nshort\n")
    reader.finish()
    assert "".join(reader.lines) == "ä" * 100 + "short"
    assert reader.lines[-1] == "short"


def test_a_new_file_with_the_inode_of_a_deleted_one_is_read_from_its_beginning(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    path = tmp_path / "audit.log"
    path.write_text("one\ntwo\n")
    reader.finish()
    inode = path.stat().st_ino
    # Written in place, for a file system gives an inode again only when it likes to.
    path.write_text("three\nfour\nfive\n")
    assert path.stat().st_ino == inode
    reader.finish()
    path.write_text("six\n")
    reader.finish()
    assert reader.lines == ["one", "two", "three", "four", "five", "six"]
    assert reader.losses == []


def test_what_was_deleted_before_it_was_read_is_said_once_with_its_size(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), Reader(tmp_path, largest_bytes=20)
    for _ in range(3):
        writer.line()
    size = len("line 000000 end\n")
    assert reader.look()
    assert reader.lines == writer.written[:1]
    writer.path.unlink()
    reader.finish()
    assert reader.losses == [f"{2 * size} bytes are lost: their file was deleted before they were read"]
    writer.line()
    reader.finish()
    assert reader.lines == [writer.written[0], writer.written[3]]
    assert len(reader.losses) == 1


def test_what_followed_in_a_file_that_is_gone_after_a_restart_may_be_lost_and_that_is_said(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), Reader(tmp_path)
    writer.line()
    reader.finish()
    writer.path.unlink()
    (tmp_path / "audit-new.log").write_text("new\n")
    reader.start()
    reader.finish()
    assert reader.losses == ["the file that was read last before a restart is gone, with whatever followed in it"]
    assert reader.lines == [*writer.written, "new"]


def test_an_old_file_that_goes_after_it_was_read_is_no_loss(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), Reader(tmp_path)
    writer.line()
    writer.rotate()
    os.utime(tmp_path / "audit-0001.log", (1, 1))
    writer.line()
    reader.finish()
    (tmp_path / "audit-0001.log").unlink()
    reader.start()
    reader.finish()
    assert (sorted(reader.lines), reader.losses) == (writer.written, [])


def test_packed_files_links_and_folders_are_left_out(tmp_path: Path) -> None:
    pod = tmp_path / "kube-system_etcd-i-1_uid" / "etcd"
    pod.mkdir(parents=True)
    (pod / "0.log.20261130-050000.gz").write_bytes(gzip.compress(b"old\n"))
    (pod / "0.log.20261130-050001.tmp").write_bytes(b"half packed\n")
    (pod / "0.log.20261130-050002").write_text("2025-11-30T05:00:00.25Z stderr F before\n")
    (pod / "0.log").write_text("2025-11-30T05:00:01.25Z stderr F now\n")
    (pod / "secret").write_text("secret\n")
    (pod / "1.log").symlink_to("secret")
    (pod / "2.log").mkdir()
    files = RotatedFiles(tmp_path, "kube-system_etcd-*/etcd/*.log*", container, {})
    found = []
    while (chunk := files.read()) is not None:
        found += [event.message for event in chunk.events]
    assert sorted(found) == ["before", "now"]


def test_a_folder_that_is_not_there_yet_holds_nothing_and_one_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert RotatedFiles(tmp_path / "later", PATTERN, plain, {}).read() is None
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        RotatedFiles(tmp_path / "file", PATTERN, plain, {}).read()


@pytest.mark.parametrize("cursor", [{"files": [{}]}, {"files": 5}, {"files": [{"inode": "x"}]}, {"files": [5]}])
def test_a_cursor_that_is_none_is_refused(tmp_path: Path, cursor: Cursor) -> None:
    with pytest.raises(ValueError, match=r"it holds|invalid literal"):
        RotatedFiles(tmp_path, PATTERN, plain, cursor)
