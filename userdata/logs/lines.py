"""The log of a node: one line of JSON for each stage, when it ends.

Nothing is taken out of a line afterwards. No secret reaches one, because it holds nothing but the stage's name, times,
and a reason that was written for people; of an exception that nobody expected it holds the kind alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

Write = Callable[[str], object]
"""Takes a line without its end."""


class Outcome(StrEnum):
    """How a stage ended."""

    DONE = "done"
    WAITING = "waiting"
    """It goes on, and waits for what the reason says."""
    FAILED = "failed"


class StageFailed(Exception):
    """A stage cannot go on. The text is for people and for the log, and must hold nothing secret."""

    permanent: bool = False
    """Whether trying again on this node, with what it has, cannot help."""


@dataclass(frozen=True)
class Clocks:
    """In seconds: since 1970, never going back, and what this process has computed."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    computed: Callable[[], float] = time.process_time


class Stage:
    """A stage that runs. `reason` is what the line will say of it, empty where all goes well."""

    def __init__(self, name: str, log: Log, *, whole: bool = False) -> None:
        self.name = name
        self.reason = ""
        self._log = log
        self._told = ""
        self._began = log.clocks.steady(), 0.0 if whole else log.clocks.computed()

    def wait(self, reason: str) -> None:
        """Say what the stage waits for; once for as long as it is the same."""
        if reason != self._told:
            self._told = reason
            self.tell(Outcome.WAITING, reason)

    def tell(self, outcome: Outcome, reason: str) -> None:
        """Write a line about the stage."""
        steady, computed = self._began
        line = {
            "at": round(self._log.clocks.wall(), 3),
            "stage": self.name,
            "outcome": outcome.value,
            "seconds": round(self._log.clocks.steady() - steady, 3),
            "cpu_seconds": round(self._log.clocks.computed() - computed, 3),
            "reason": reason,
        }
        self._log.write(json.dumps(line))


@dataclass(frozen=True)
class Log:
    """Where lines go. Standard output is the journal's on a node."""

    write: Write = lambda line: print(line, file=sys.stdout, flush=True)
    clocks: Clocks = Clocks()

    @contextmanager
    def stage(self, name: str, *, whole: bool = False) -> Iterator[Stage]:
        """Run a stage and write its line, whichever way it ends. Exceptions pass.

        `whole` stands for all that the program does: what it has computed before, to start at all, counts as well.
        """
        running = Stage(name, self, whole=whole)
        try:
            yield running
        except StageFailed as failed:
            running.tell(Outcome.FAILED, str(failed))
            raise
        except BaseException as error:
            running.tell(Outcome.FAILED, type(error).__name__)
            raise
        running.tell(Outcome.DONE, running.reason)
