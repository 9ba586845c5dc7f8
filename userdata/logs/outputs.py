"""Where a program's lines go: standard output, the node's own file, and CloudWatch Logs once that is known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from userdata.logs.files import log_file, together
from userdata.logs.lines import Log, Write

_CLOSE_SECONDS = 5.0


class Elsewhere(Protocol):
    """A place that is reached by a network (userdata.logs.cloudwatch.Mirror)."""

    def write(self, line: str) -> None:
        """Take a line."""

    def close(self, seconds: float) -> int:
        """Send what waits, for so long at most."""


class Outputs:
    """The places of one program's lines."""

    def __init__(self, local: Write) -> None:
        self._local = local
        self._early: list[str] = []
        self._elsewhere: Elsewhere | None = None
        self._lock = threading.Lock()
        self.log = Log(self._write)

    def mirror(self, elsewhere: Elsewhere) -> None:
        """Send every line there, too, those from before among them."""
        with self._lock:
            for line in self._early:
                elsewhere.write(line)
            self._early.clear()
            self._elsewhere = elsewhere

    def send(self, line: str) -> None:
        """Hand a line to CloudWatch Logs alone, such as one of metrics: nobody reads it here, and every one would push
        a stage's line out of the node's own file."""
        with self._lock:
            if self._elsewhere is not None:
                self._elsewhere.write(line)

    def close(self) -> None:
        """Send what waits."""
        if self._elsewhere is not None:
            self._elsewhere.close(_CLOSE_SECONDS)

    def _write(self, line: str) -> None:
        # One at a time: to print a line takes two writes, and those of two threads would mix.
        with self._lock:
            self._local(line)
            if self._elsewhere is None:
                self._early.append(line)
            else:
                self._elsewhere.write(line)


def _printed(line: str) -> None:
    print(line, flush=True)


@contextmanager
def outputs(name: str, root: Path, out: Callable[[str], object] = _printed) -> Iterator[Outputs]:
    """The places of the program `name` on the node whose files are below `root`."""
    places = Outputs(together(out, log_file(root, name).write))
    try:
        yield places
    finally:
        places.close()
