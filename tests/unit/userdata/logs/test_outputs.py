"""A program's lines: in its own file from the first one on, and elsewhere once elsewhere is known."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from userdata.logs.outputs import outputs


class Elsewhere:
    """Remembers lines, and for how long it may send the last ones."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed: list[float] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    def close(self, seconds: float) -> int:
        self.closed.append(seconds)
        return 0


def test_lines_from_before_elsewhere_was_known_get_there_first_and_none_twice(tmp_path: Path) -> None:
    printed: list[str] = []
    elsewhere = Elsewhere()
    with outputs("boot", tmp_path, printed.append) as out:
        for name in ("identity", "settings"):
            with out.log.stage(name):
                pass
        out.mirror(elsewhere)
        with out.log.stage("clock"):
            pass
        assert elsewhere.closed == []
    kept = (tmp_path / "var/log/holdfast/boot.log").read_text().splitlines()
    assert len(kept) == 3
    assert printed == elsewhere.lines == kept
    assert elsewhere.closed == [5.0]


def test_a_line_for_elsewhere_alone_is_neither_printed_nor_kept_nor_sent_before_elsewhere_is_known(
    tmp_path: Path,
) -> None:
    printed: list[str] = []
    elsewhere = Elsewhere()
    with outputs("agent", tmp_path, printed.append) as out:
        out.send("too early")
        out.mirror(elsewhere)
        out.send("a metric")
    assert (printed, elsewhere.lines) == ([], ["a metric"])
    assert not (tmp_path / "var/log/holdfast/agent.log").exists()


def test_what_waits_is_sent_even_where_the_program_fails(tmp_path: Path) -> None:
    elsewhere = Elsewhere()

    def fail() -> None:
        with outputs("agent", tmp_path, lambda line: None) as out:
            out.mirror(elsewhere)
            with out.log.stage("start"):
                raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert '"KeyError"' in elsewhere.lines[0]
    assert elsewhere.closed == [5.0]


def test_lines_of_two_threads_do_not_mix(tmp_path: Path) -> None:
    printed: list[str] = []

    def slow(line: str) -> None:
        # As print does it: the line first, then its end.
        printed.append(line)
        time.sleep(0.01)
        printed.append("\n")

    with outputs("agent", tmp_path, slow) as out:
        threads = [threading.Thread(target=out.log.write, args=("a line",)) for _ in range(5)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert printed == ["a line", "\n"] * 5


def test_without_elsewhere_the_file_is_all_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with outputs("boot", tmp_path) as out, out.log.stage("identity"):
        pass
    assert capsys.readouterr().out == (tmp_path / "var/log/holdfast/boot.log").read_text()
