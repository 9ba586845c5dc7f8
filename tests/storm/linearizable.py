"""`python -m tests.storm.linearizable HISTORY`: is there an order of the calls in which each finds what it found?

The search is porcupine's, in a program of Go's that is built once and kept in the cache of rehearsals, found by the
content of its sources. docs/storm.md describes the file, the exit codes and what the answer shows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from rehearsal.binaries import build
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.store import Store, cache_folder, to_stderr
from rehearsal.binaries.units import Unit
from tests.storm.history import Call, HistoryError, text
from tests.storm.recorder import read_back

SEARCH_SECONDS = 60.0
"""How long to look for an order; a storm's history takes a second or two of a processor."""
_START_SECONDS = 60.0
"""A machine that has other things to do may take so long to start a program, to read a history and to print."""
_PORCUPINE = Unit(
    name="porcupine",
    folder=Path(__file__).parent / "porcupine",
    requires={},
    commands={"porcupine": "."},
    linked={},
    disk_gib=0.2,
)


@dataclass(frozen=True)
class Linearizable:
    """There is such an order."""

    keys: tuple[str, ...]
    calls: int
    """All that the history has, so that nobody takes an empty storm for a good one."""


@dataclass(frozen=True)
class NotLinearizable:
    """There is none for these keys; `text` shows for each a few calls that contradict each other, as JSON."""

    keys: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Undecided:
    """None was found for these keys in the time, and no contradiction for any key."""

    keys: tuple[str, ...]


Verdict: TypeAlias = Linearizable | NotLinearizable | Undecided


class CheckerFailed(Exception):
    """The checker itself broke; the text holds what it said last."""


@cache
def program() -> Path:
    """The checker, built where it is not in the cache: a second, half a minute without Go's own cache.

    Raises Missing where there is no Go, BuildFailed where a module cannot be had or go.sum knows another content, and
    OSError.
    """
    return build.builder([_PORCUPINE], Store(cache_folder(), to_stderr), to_stderr).programs(_PORCUPINE) / "porcupine"


def check(calls: Sequence[Call], seconds: float = SEARCH_SECONDS) -> Verdict:
    """Judge a history. Every key has to be absent before its first call.

    Raises HistoryError where there are no calls, CheckerFailed, and as `program`.
    """
    done = run(text(calls), seconds)
    if done.returncode == 2:
        raise HistoryError(done.stderr.strip())
    if done.returncode not in (0, 1, 3):
        raise CheckerFailed(f"porcupine ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    said = json.loads(done.stdout)
    if done.returncode == 0:
        return Linearizable(tuple(said["keys"]), said["calls"])
    if done.returncode == 1:
        return NotLinearizable(tuple(each["key"] for each in said["keys"]), done.stdout)
    return Undecided(tuple(said["keys"]))


def run(history: str, seconds: float = SEARCH_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run the checker on a history as it stands in a file. Raises CheckerFailed where it hangs, and as `program`."""
    command = [str(program()), "-seconds", str(seconds)]
    # The excerpt may take as long as the search.
    limit = 2 * seconds + _START_SECONDS
    try:
        return subprocess.run(command, input=history, capture_output=True, encoding="utf-8", timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise CheckerFailed(f"porcupine has not ended within {limit:g} s") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """0 linearizable, 1 not, 2 the history cannot be read, 3 undecided, 4 there is no checker or it broke."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm.linearizable",
        description=__doc__,
        epilog="exit codes: 0 linearizable, 1 not, 2 the history cannot be read, 3 undecided, 4 no checker or it broke",
    )
    parser.add_argument("history", type=Path, help="a file with a line of JSON for each call")
    parser.add_argument(
        "--seconds", type=float, default=SEARCH_SECONDS, help="how long to look for an order (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        done = run(text(read_back(options.history)), options.seconds)
    except (HistoryError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BuildFailed, CheckerFailed, Missing) as error:
        print(error, file=sys.stderr)
        return 4
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
