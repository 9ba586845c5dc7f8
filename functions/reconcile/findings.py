"""What a rule about slots and groups comes to, and the timers that it needs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from coordination.conditions import Condition
from coordination.outcomes import Known, Reading
from coordination.timers import Timer
from functions.reconcile.actions import Action, StartTimer, StopTimer


@dataclass(frozen=True)
class Findings:
    """What to do, what a person has to look at, and which timers go on: every other one is stopped."""

    actions: tuple[Action, ...] = ()
    conditions: tuple[Condition, ...] = ()
    timers: frozenset[str] = frozenset()


def running_since(timers: Mapping[str, Reading[Timer]], name: str, now: int) -> int:
    """Since when a timer runs, in seconds since 1970; one that is not stored, or cannot be understood, begins now."""
    stored = timers.get(name)
    return stored.value.since if isinstance(stored, Known) else now


def kept(timers: Mapping[str, Reading[Timer]], wanted: Collection[str], now: int) -> list[Action]:
    """What makes the stored timers those that are wanted."""
    started = [StartTimer(Timer(name, now), "it begins now") for name in sorted(wanted) if name not in timers]
    stopped = [
        StopTimer(timer.value, "it is over")
        for name, timer in sorted(timers.items())
        if name not in wanted and isinstance(timer, Known)
    ]
    return [*started, *stopped]
