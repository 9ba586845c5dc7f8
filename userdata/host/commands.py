"""Runs programs: with a deadline, and so that they can be ended at any moment together with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

# How often a running program is looked at.
_LOOK_SECONDS = 0.2
# Only the end of what a program says is of interest, and kubeadm's own output is some kilobytes.
_LONGEST_OUTPUT = 1 << 18


@dataclass(frozen=True)
class Finished:
    """What became of a program; `status` is None where it was ended, or could not be started."""

    status: int | None
    output: str
    """All that it said, to both of its outputs."""

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself, and well."""
        return self.status == 0


class Run(Protocol):
    """Runs a program, as `run` does."""

    def __call__(
        self, command: Sequence[str], seconds: float, *, stdin: str = ..., ended: Callable[[], bool] = ...
    ) -> Finished: ...


def run(
    command: Sequence[str],
    seconds: float,
    *,
    stdin: str = "",
    ended: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run a program for so long at most, and not longer than until `ended` says so. It never raises for a program."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return Finished(None, f"{command[0]}: {error.strerror}")
        feeding = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
        feeding.start()
        deadline = time.monotonic() + seconds
        why = ""
        while not why:
            try:
                process.wait(_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if ended():
                    why = "it was ended, because the stage must not go on"
                elif time.monotonic() > deadline:
                    why = f"it was ended after {seconds:.0f} s"
        if why:
            _end(process)
        said = _tail(output.fileno())
    if why:
        return Finished(None, f"{said}\n{command[0]}: {why}")
    return Finished(process.returncode, said)


def _feed(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    # A program that ends without reading breaks the pipe; its status says the rest.
    with suppress(OSError), process.stdin as stream:
        stream.write(text.encode())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started; it is the first of its own group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _LONGEST_OUTPUT, max(0, size - _LONGEST_OUTPUT)).decode("utf-8", "replace")
