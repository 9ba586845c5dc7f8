"""Records calls while they are made, so that a process which is killed leaves a history that can be judged.

Each call is written twice: before it is sent into the file of what was begun, and when it has ended into the history.
What was begun and has no end may have taken effect, so it is read back as a call whose reply was lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from tests.storm.history import Call, HistoryError, Operation, Outcome, parse_all


class Recorder:
    """Appends to a history; safe for several threads. Each process has one, and numbers of clients, of its own."""

    def __init__(self, history: Path, begun: TextIO, ended: TextIO) -> None:
        """`recording` makes one."""
        self.history = history
        self._begun = begun
        self._ended = ended
        self._lock = threading.Lock()

    def begin(
        self, client: int, operation: Operation, key: str, value: str | None = None, expected: str | None = None
    ) -> Call:
        """Record a call that is about to be sent. Returns it as one whose reply is lost, for `end`. OSError."""
        call = Call(client, operation, key, time.monotonic_ns(), None, Outcome.MAYBE, value, expected)
        self._append(self._begun, call)
        return call

    def end(self, call: Call, outcome: Outcome, found: str | None = None, swapped: bool | None = None) -> Call:
        """Record what became of a call, now. `found` and `swapped` are for those that are ok. HistoryError, OSError."""
        ended = replace(call, returned_ns=time.monotonic_ns(), outcome=outcome, found=found, swapped=swapped)
        self._append(self._ended, ended)
        return ended

    def _append(self, file: TextIO, call: Call) -> None:
        # Flushed to the kernel, which outlives this process; a computer that loses its power may lose more.
        with self._lock:
            file.write(f"{call.line()}\n")
            file.flush()


@contextmanager
def recording(history: Path) -> Iterator[Recorder]:
    """A recorder of a new history, and of what was begun beside it. FileExistsError where there is one already."""
    with history.open("x", encoding="utf-8") as ended, begun_beside(history).open("x", encoding="utf-8") as begun:
        yield Recorder(history, begun, ended)


def begun_beside(history: Path) -> Path:
    """Where the calls of a history stand that were begun."""
    return history.with_name(f"{history.name}.begun")


def read_back(history: Path) -> list[Call]:
    """What a recorder has written, also one whose process was killed. Raises HistoryError, OSError.

    A last line that is cut off was being written: of a call's end the reply counts as lost, and a call whose begin is
    cut off was never sent. Of a history that no recorder has made every line counts.
    """
    beside = begun_beside(history)
    if not beside.exists():
        return parse_all(_lines(history))
    begun, ended = (_calls(path) for path in (beside, history))
    known = {(call.client, call.called_ns) for call in ended}
    return [*ended, *(call for call in begun if (call.client, call.called_ns) not in known)]


def _calls(path: Path) -> list[Call]:
    *whole, _ = _lines(path, keep_last=True)
    try:
        return parse_all(whole) if whole else []
    except HistoryError as error:
        raise HistoryError(f"{path.name}: {error}") from error


def _lines(path: Path, *, keep_last: bool = False) -> list[str]:
    """A file's lines, with `keep_last` also what stands after the last end of a line, if only nothing."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise HistoryError(f"{path.name}: given bytes that are not UTF-8; allowed: lines of JSON") from error
    return lines if keep_last or lines[-1] else lines[:-1]
