"""The programs of one rehearsal: run to their end, or kept running and stopped for certain."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

# A local cloud ends its machines first; everything else is gone at once.
_STOP_SECONDS = 60


class StepFailed(Exception):
    """A program ended with an error; the message holds what it said."""


class Processes:
    """A context that ends every program it started, in whatever way it is left."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: list[subprocess.Popen[str]] = []
        self._logs: list[IO[str]] = []

    def __enter__(self) -> Processes:
        # Whoever ends us by a signal gets the same cleaning up as Ctrl-C.
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, lambda number, _: sys.exit(128 + number))
        # A shell that starts us in the background has Ctrl-C's signal ignored, and that is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            stop(process)
        for log in self._logs:
            log.close()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None, *, read: bool = True
    ) -> subprocess.Popen[str]:
        """A program that runs until the end, in a session of its own, so that Ctrl-C reaches only us.

        Its standard input is a pipe that closes with us, its errors go to <name>.log, and with `read=False` what it
        prints does too: nobody would empty the pipe.
        """
        log = (self._log_dir / f"{name}.log").open("w", encoding="utf-8")
        self._logs.append(log)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if read else log,
            stderr=log,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def ready(self, process: subprocess.Popen[str], name: str) -> dict[str, Any]:
        """The line of JSON that a program prints when it is ready. Raises StepFailed when it ends instead."""
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            said = (self._log_dir / f"{name}.log").read_text(encoding="utf-8").strip()
            raise StepFailed(f"{name} ended with exit code {process.wait()}: {said}")
        ready: dict[str, Any] = json.loads(line)
        return ready

    def finish(self, process: subprocess.Popen[str], name: str) -> None:
        """Waits for the end of a program that was started to do one thing. Raises StepFailed with what it said."""
        said, _ = process.communicate()
        if process.returncode:
            log = (self._log_dir / f"{name}.log").read_text(encoding="utf-8")
            raise StepFailed(f"{name} ended with exit code {process.returncode}: {(said + log).strip()}")


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Runs a program to its end and returns what it printed. Raises StepFailed with what it said otherwise."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise StepFailed(f"{Path(command[0]).name} {command[1]}: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def stop(process: subprocess.Popen[str]) -> None:
    """Asks the program to stop, then ends its whole session: it may have started others."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
