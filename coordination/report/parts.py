"""A report and its parts: what is told, what needs attention, what could not be found out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Verdict(IntEnum):
    """What a report comes to; the exit code of every `status`."""

    HEALTHY = 0
    """Nobody has to act."""
    ATTENTION = 1
    """Somebody has to act."""
    UNKNOWN = 2
    """Not everything could be found out."""


@dataclass(frozen=True)
class Attention:
    """Something that somebody has to look at; `next_step` is empty where there is none but what the text says."""

    what: str
    next_step: str = ""


@dataclass(frozen=True)
class Part:
    """One part of the report."""

    name: str
    rows: tuple[tuple[str, ...], ...] = ()
    """For people: cells that stand below each other."""
    data: Any = None
    """For programs: the same as JSON; None where nothing is known."""
    attention: tuple[Attention, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be found out, and why."""


@dataclass(frozen=True)
class Report:
    """`parts` in the order in which they are told."""

    now: float
    title: str
    parts: tuple[Part, ...]

    @property
    def verdict(self) -> Verdict:
        """What needs attention goes before what is unknown: it is known to be wrong."""
        if any(part.attention for part in self.parts):
            return Verdict.ATTENTION
        return Verdict.UNKNOWN if any(part.unknown for part in self.parts) else Verdict.HEALTHY


def lasting(seconds: float) -> str:
    """How long something lasts, roughly."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def ago(seconds: float) -> str:
    """How long ago something was, roughly."""
    return f"{lasting(seconds)} ago"
