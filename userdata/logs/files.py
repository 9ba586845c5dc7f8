"""Where lines of a log go besides standard output: a file that never exceeds a size, and several places at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from userdata.logs.lines import Write

LOG_FOLDER = "/var/log/holdfast"
_MODE = 0o640


def log_file(root: Path, name: str) -> RotatingFile:
    """The log `name` of this node, below `root`."""
    return RotatingFile(root / LOG_FOLDER.lstrip("/") / f"{name}.log")


class RotatingFile:
    """Appends lines to a file; at `largest_bytes` it becomes `<file>.1`, and so on for `kept` files.

    A line that cannot be written is counted in `dropped`: a full disk ends no boot.
    """

    def __init__(self, path: Path, largest_bytes: int = 1 << 20, kept: int = 3) -> None:
        self._path = path
        self._largest_bytes = largest_bytes
        self._kept = kept
        self._lock = threading.Lock()
        self.dropped = 0

    def write(self, line: str) -> None:
        """Append a line."""
        data = f"{line}\n".encode(errors="replace")
        with self._lock:
            try:
                self._append(data)
            except OSError:
                self.dropped += 1

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size + len(data) > self._largest_bytes:
            self._rotate()
        # Opened anew each time: a node writes a line every few seconds, and whoever moves the file away loses nothing.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        try:
            # One write, so that lines of two programs do not mix.
            if os.write(descriptor, data) != len(data):
                self.dropped += 1
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def together(*writes: Write) -> Write:
    """One place that hands every line to all of them, in this order."""

    def write(line: str) -> None:
        for each in writes:
            each(line)

    return write
