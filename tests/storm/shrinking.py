"""Delta debugging: the smallest part of a schedule that still shows what was found, by running parts again.

Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE TSE 28(2), 2002: `ddmin`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Part = TypeVar("Part")


@dataclass(frozen=True)
class NotRepeated:
    """The whole did not show it again in so many runs: nothing can be shrunk."""

    runs: int


@dataclass(frozen=True)
class Shrunk:
    """No part can be left out any more; `complete` is false where the runs were used up before that was known."""

    parts: tuple[object, ...]
    runs: int
    complete: bool


class _NoRunsLeft(Exception):
    pass


def shrink(
    parts: Sequence[Part], shows: Callable[[Sequence[Part]], bool], tries: int = 3, most_runs: int = 40
) -> Shrunk | NotRepeated:
    """Shrink what `shows` says yes to; it runs the parts that it is given.

    The whole is run `tries` times at most, and each part as often, for what hangs on chance shows itself at times.
    """
    runs = 0

    def shown(some: Sequence[Part]) -> bool:
        nonlocal runs
        for _ in range(tries):
            if runs >= most_runs:
                raise _NoRunsLeft
            runs += 1
            if shows(some):
                return True
        return False

    try:
        if not shown(parts):
            return NotRepeated(runs)
    except _NoRunsLeft:
        return NotRepeated(runs)
    least = list(parts)
    pieces = 2
    try:
        while len(least) >= 2:
            size = -(-len(least) // pieces)
            chunks = [least[start : start + size] for start in range(0, len(least), size)]
            without = [[each for other in chunks if other is not chunk for each in other] for chunk in chunks]
            smaller = next((some for some in without if shown(some)), None)
            if smaller is not None:
                least, pieces = smaller, max(pieces - 1, 2)
            elif pieces >= len(least):
                break
            else:
                pieces = min(2 * pieces, len(least))
        # What shows itself without any fault was no fault's doing.
        if len(least) == 1 and shown([]):
            least = []
    except _NoRunsLeft:
        return Shrunk(tuple(least), runs, complete=False)
    return Shrunk(tuple(least), runs, complete=True)
