"""The file of a node's log: it keeps the newest lines, never grows beyond its size, and never ends a boot."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from userdata.logs.files import LOG_FOLDER, RotatingFile, log_file, together


def test_lines_are_appended_to_the_log_of_that_name_over_restarts(tmp_path: Path) -> None:
    log_file(tmp_path, "boot").write("one")
    log_file(tmp_path, "boot").write("zwei ä")
    place = tmp_path / LOG_FOLDER.lstrip("/") / "boot.log"
    assert place.read_text(encoding="utf-8") == "one\nzwei ä\n"
    assert not stat.S_IMODE(place.stat().st_mode) & 0o027


def test_the_newest_lines_are_kept_and_the_oldest_file_goes(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "boot.log", largest_bytes=20, kept=2)
    for number in range(10):
        log.write(f"line {number}")
    found = {path.name: path.read_text(encoding="utf-8").split("\n")[:-1] for path in tmp_path.iterdir()}
    assert found == {
        "boot.log": ["line 8", "line 9"],
        "boot.log.1": ["line 6", "line 7"],
        "boot.log.2": ["line 4", "line 5"],
    }
    assert log.dropped == 0


def test_lines_of_several_threads_stay_whole_and_complete(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "boot.log", largest_bytes=100_000)

    def write(name: str) -> None:
        for number in range(100):
            log.write(f"{name} {number}")

    threads = [threading.Thread(target=write, args=name) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / "boot.log").read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abcd" for number in range(100))


def test_a_line_that_cannot_be_written_is_counted_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("", encoding="utf-8")
    log = RotatingFile(tmp_path / "folder" / "boot.log")
    log.write("lost")
    assert log.dropped == 1


def test_a_full_disk_is_no_error_either() -> None:
    log = RotatingFile(Path(os.devnull).with_name("full"))
    log.write("lost")
    assert log.dropped == 1


def test_every_place_gets_every_line(tmp_path: Path) -> None:
    lines: list[str] = []
    log = RotatingFile(tmp_path / "boot.log")
    together(lines.append, log.write)("one")
    assert (lines, (tmp_path / "boot.log").read_text(encoding="utf-8")) == (["one"], "one\n")
