"""What was seen in a round, as typed events with times; the invariants are judged by it alone.

Times are seconds of one monotonic clock. A world writes events as they happen, in any order; `Trace` sorts them. What
nobody knows for certain is left out: an invariant is broken only where the trace proves it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeVar


@dataclass(frozen=True)
class Event:
    """`at` is when it was certain."""

    at: float


@dataclass(frozen=True)
class Member:
    """A member as etcd lists it. `instance` is its name, empty where it has never started."""

    member_id: str
    instance: str
    is_learner: bool = False


@dataclass(frozen=True)
class Listed(Event):
    """etcd's own list, as the majority knows it, which was asked for at `began` and answered at `at`."""

    began: float
    etcd_cluster_id: str
    members: tuple[Member, ...]


class Life(StrEnum):
    """What is certain of a member's process."""

    ANSWERS = "answers"
    """It has just answered."""
    SILENT = "silent"
    """It runs no more, is stopped, or nobody reaches it."""
    UNSURE = "unsure"
    """It starts, is slow, or was just woken."""


@dataclass(frozen=True)
class Lives(Event):
    """From now on, and until the next event of this instance, its etcd is so."""

    instance: str
    life: Life


@dataclass(frozen=True)
class Removal(Event):
    """An agent told etcd to remove a member, at `at`; etcd may have done so unless it has refused.

    `checked` is when the agent's last look at etcd began, by which it decided.
    """

    by: str
    """The instance of the agent."""
    checked: float
    member_id: str
    instance: str
    operation: str
    by_etcd_alone: bool = False
    """A person, or the last hour of a hook, lets etcd's own quorum decide."""
    learner: bool = False
    """It was to clean a learner."""


@dataclass(frozen=True)
class HookCompleted(Event):
    """The function's call that completes the terminating hook of an instance was sent."""

    instance: str


@dataclass(frozen=True)
class Paused(Event):
    """A program was paused, from `at` until `until`. `what` is agent or joiner, `step` where it was."""

    instance: str
    until: float
    what: str
    step: str


@dataclass(frozen=True)
class LostLease(Event):
    """A joiner inside of its one `kubeadm join` has lost `lease#join`."""

    instance: str


@dataclass(frozen=True)
class FaultBegan(Event):
    """A fault hit somebody: `hit` says whom, and is empty where it hit nobody."""

    fault: str
    hit: str


@dataclass(frozen=True)
class FaultHit(Event):
    """Somebody came to where a fault waited, which had hit nobody when it began."""

    fault: str
    hit: str


@dataclass(frozen=True)
class FaultsEnded(Event):
    """From now on everything has to settle."""


@dataclass(frozen=True)
class StillLeft(Event):
    """After the faults have ended, this is not as it should be; told where it has changed."""

    left: tuple[str, ...]


@dataclass(frozen=True)
class Settled(Event):
    """Everything stands as it should."""


@dataclass(frozen=True)
class Unsettled(Event):
    """The bound has passed, and this is still not as it should be."""

    left: tuple[str, ...]


@dataclass(frozen=True)
class Helped(Event):
    """A person did what a condition asks for."""

    condition: str
    what: str


@dataclass(frozen=True)
class Judged(Event):
    """The history of the clients is linearizable, or it is not, and `text` shows why; empty: it is."""

    calls: int
    text: str


Kind = TypeVar("Kind", bound=Event)


class Trace:
    """The events of a round, in the order of their times."""

    def __init__(self, slots: int, events: Iterable[Event]) -> None:
        self.slots = slots
        self.events = tuple(sorted(events, key=lambda each: each.at))

    def of(self, kind: type[Kind]) -> Sequence[Kind]:
        """All events of a kind."""
        return [each for each in self.events if isinstance(each, kind)]

    @cached_property
    def lists(self) -> Sequence[Listed]:
        """Every look at etcd's list, by when it was answered."""
        return self.of(Listed)

    def listed_before(self, moment: float) -> Listed | None:
        """The last look that was answered before."""
        known = [each.at for each in self.lists]
        place = bisect_right(known, moment)
        return self.lists[place - 1] if place else None

    def life(self, instance: str, moment: float) -> Life:
        """What was certain of an instance's etcd at a moment."""
        before = [each for each in self._lives.get(instance, ()) if each.at <= moment]
        return before[-1].life if before else Life.UNSURE

    @cached_property
    def _lives(self) -> dict[str, list[Lives]]:
        found: dict[str, list[Lives]] = {}
        for each in self.of(Lives):
            found.setdefault(each.instance, []).append(each)
        return found
