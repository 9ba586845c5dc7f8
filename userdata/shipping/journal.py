"""The journal of a unit, as `journalctl` follows it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from userdata.shipping.formats import Line, events, journal
from userdata.shipping.source import LARGEST_CHUNK_BYTES, Chunk, Cursor

JOURNALCTL = "journalctl"
_LARGEST_ENTRY_BYTES = 4 << 20
"""Journald cuts what a service prints at 48 KiB; only who speaks to it by itself may write more."""
_END_SECONDS = 2.0


def command(unit: str, cursor: str, program: str = JOURNALCTL) -> list[str]:
    """journalctl's own command line: what follows a cursor, or the whole boot of the machine where there is none."""
    after = f"--after-cursor={cursor}" if cursor else "--boot"
    told = ["--follow", "--no-tail", "--all", "--quiet", "--output=json", "--output-fields=MESSAGE"]
    # --no-tail: without it a follower begins with the last ten entries.
    return [program, *told, f"--unit={unit}", after]


class Journal:
    """The entries of `unit` and of systemd about it. While nobody reads, journalctl waits with what it has printed."""

    def __init__(
        self,
        unit: str,
        cursor: Cursor,
        clock: Callable[[], float] = time.time,
        program: str = JOURNALCTL,
        largest_bytes: int = LARGEST_CHUNK_BYTES,
    ) -> None:
        self._unit = unit
        self._cursor = journal_cursor(cursor)
        self._clock = clock
        self._program = program
        self._largest_bytes = largest_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._losses: list[str] = []

    def read(self) -> Chunk | None:
        """See Source.read."""
        if self._process is None:
            self._process = _started(command(self._unit, self._cursor, self._program))
        data, ended = self._available(self._process)
        whole, found, rest = data.rpartition(b"\n")
        self._rest = rest
        if found:
            return self._chunk(whole.split(b"\n"))
        if len(rest) > _LARGEST_ENTRY_BYTES:
            # Its end will come as a line that is none, and is passed over.
            self._rest = b""
            self._losses.append(f"an entry of more than {_LARGEST_ENTRY_BYTES} bytes is lost")
        if ended:
            # The next read starts it anew, after the last entry that was read.
            status = self._process.wait()
            self.close()
            raise OSError(f"{self._program} ended with {status}")
        if not self._losses:
            return None
        return self._chunk([])

    def close(self) -> None:
        """See Source.close."""
        self._rest = b""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdout is not None
        process.stdout.close()
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _available(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bool]:
        """What was printed by now, with what was left over before, and whether that was all of it."""
        assert process.stdout is not None
        read, size = [self._rest], 0
        with suppress(BlockingIOError):
            while size < self._largest_bytes:
                part = os.read(process.stdout.fileno(), self._largest_bytes - size)
                if not part:
                    return b"".join(read), True
                read.append(part)
                size += len(part)
        return b"".join(read), False

    def _chunk(self, printed: Sequence[bytes]) -> Chunk:
        losses, self._losses = tuple(self._losses), []
        lines: list[Line] = []
        for each in printed:
            record = journal(each)
            if record is not None:
                self._cursor = record.cursor
                lines += [] if record.line is None else [record.line]
        return Chunk(events(lines, int(self._clock() * 1000)), {"journal": self._cursor}, losses)


def journal_cursor(cursor: Cursor) -> str:
    """The journal's own cursor that a stored one holds, empty where it was never read. Raises ValueError."""
    found = cursor.get("journal", "")
    if not isinstance(found, str):
        raise ValueError("it holds no text in journal")
    return found


def _started(told: Sequence[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        told, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process
