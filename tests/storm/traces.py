"""Traces of tests: three voters `a`, `b`, `c` that answer, and what a test lets happen to them."""

from __future__ import annotations

from typing import Any

from tests.storm.trace import (
    Event,
    FaultsEnded,
    Judged,
    Life,
    Listed,
    Lives,
    Member,
    Removal,
    Settled,
    Trace,
)

CALM: tuple[Event, ...] = (FaultsEnded(90.0), Judged(95.0, 10, ""), Settled(99.0))
"""How a round ends in which nothing went wrong."""


def listed(at: float, names: str, *, cluster: str = "e1", began: float | None = None) -> Listed:
    """etcd's list: small letters are voters, capital ones learners of the same name."""
    members = tuple(Member(f"id-{name.lower()}", name.lower(), name.isupper()) for name in names)
    return Listed(at, at - 0.01 if began is None else began, cluster, members)


def lives(at: float, answering: str = "", silent: str = "") -> list[Event]:
    """What is certain from now on."""
    found: list[Event] = [Lives(at, name, Life.ANSWERS) for name in answering]
    return [*found, *(Lives(at, name, Life.SILENT) for name in silent)]


def removal(at: float, name: str, *, checked: float | None = None, **changes: Any) -> Removal:
    """Agent `b` removes a member, by default right after its check."""
    return Removal(at, "b", at - 0.1 if checked is None else checked, f"id-{name}", name, "op-1", **changes)


def trace(*events: Event | list[Event], slots: int = 3, calm: bool = True) -> Trace:
    """A trace with these events in it, which begins with voters that answer."""
    first = [listed(0.0, "abcde"[:slots]), *lives(0.0, "abcde"[:slots])]
    flat = [one for each in events for one in (each if isinstance(each, list) else [each])]
    return Trace(slots, [*first, *flat, *(CALM if calm else ())])
