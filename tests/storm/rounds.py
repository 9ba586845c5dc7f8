"""Plays a round in a world: clients call, faults begin and end, everything settles, and the trace is judged."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.storm import linearizable
from tests.storm.clients import Load
from tests.storm.excused import Verdict, judge
from tests.storm.faults import GOING_BACK, UPDATES, WAITING
from tests.storm.history import HistoryError
from tests.storm.linearizable import NotLinearizable, Undecided
from tests.storm.recorder import read_back, recording
from tests.storm.schedule import Schedule
from tests.storm.trace import (
    Event,
    FaultBegan,
    FaultHit,
    FaultsEnded,
    Helped,
    Judged,
    Settled,
    StillLeft,
    Trace,
    Unsettled,
)
from tests.storm.world import World

_LOOK_SECONDS = 0.2
_KEYS, _CLIENTS, _PAUSE_SECONDS = 3, 4, 0.08
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Times:
    """How long a round takes at most."""

    settle_seconds: float = 60.0
    """From the end of the faults until everything stands."""
    updated_slot_seconds: float = 30.0
    """More for each slot and walk of an update: one slot after the other, each for a replacement."""
    look_seconds: float = 2 * _LOOK_SECONDS
    """Of a look that took longer only so much counts: the computer had no time for it, and it says nothing of what is
    looked at."""
    waiting_seconds: float = 6.0
    """After the last fault has begun, for those that wait for somebody to come to where they are."""
    steady_seconds: float = 1.0
    """It has to stand for so long: a look may be older than what was done."""
    check_seconds: float = 60.0
    """For the checker of histories."""

    def until_settled(self, schedule: Schedule) -> float:
        """How many seconds after the end of a schedule's faults everything has to stand."""
        kinds = {each.kind for each in schedule.faults}
        walks = 2 if kinds & GOING_BACK else 1 if kinds & UPDATES else 0
        return self.settle_seconds + self.updated_slot_seconds * schedule.slots * walks


@dataclass(frozen=True)
class Round:
    """What became of a round."""

    schedule: Schedule
    verdict: Verdict
    trace: Trace
    seconds: float
    settled_after: float | None
    """Seconds from the end of the faults; None where that did not happen."""
    calls: int
    undecided: tuple[str, ...] = ()
    """The keys of which the checker could not say in its time whether their history is linearizable."""
    history: Path = field(default=Path())

    @property
    def hits(self) -> dict[str, str]:
        """Whom each fault hit, by the fault's line; empty for nobody."""
        began = {each.fault: each.hit for each in self.trace.of(FaultBegan)}
        return began | {each.fault: each.hit for each in self.trace.of(FaultHit)}

    @property
    def helped(self) -> list[Helped]:
        """What a person had to do."""
        return list(self.trace.of(Helped))


def play(world: World, schedule: Schedule, folder: Path, times: Times, *, found: bool, seed: int = 0) -> Round:
    """Play a round; with `found` in a new cluster. Raises WorldBroke, and as `tests.storm.linearizable.check`."""
    if found:
        world.found(schedule.slots)
    number = next(_NUMBERS)
    began = time.monotonic()
    history = folder / f"history-{number}"
    load = Load(
        tuple(f"storm/{number}/{key}" for key in range(_KEYS)),
        clients=_CLIENTS,
        pause_seconds=_PAUSE_SECONDS,
        seed=seed + number,
    )
    seen: list[Event] = []
    world.begin()
    with recording(history) as recorder, world.clients(load, recorder):
        _let_faults_happen(world, schedule, seen)
        _await_those_that_wait(world, schedule, times.waiting_seconds)
        world.end_faults()
        seen.append(FaultsEnded(time.monotonic()))
        settled_after = _settle(world, times, times.until_settled(schedule), seen)
    calls, undecided = _judge_history(history, times.check_seconds, seen)
    trace = Trace(schedule.slots, [*world.events(), *seen])
    seconds = time.monotonic() - began
    return Round(schedule, judge(trace), trace, seconds, settled_after, calls, undecided, history)


def _let_faults_happen(world: World, schedule: Schedule, seen: list[Event]) -> None:
    began = time.monotonic()
    for fault in schedule.faults:
        _sleep_until(began + fault.at)
        seen.append(FaultBegan(time.monotonic(), str(fault), world.inject(fault)))
    _sleep_until(began + max((fault.at + fault.seconds for fault in schedule.faults), default=0.0))


def _await_those_that_wait(world: World, schedule: Schedule, seconds: float) -> None:
    """Until each has hit somebody, and for as long as it lasts then; not longer than so many seconds."""
    waiting = {str(each): each.seconds for each in schedule.faults if each.kind in WAITING}
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        over = {each.fault: each.at for each in world.events() if isinstance(each, FaultHit)}
        now = time.monotonic()
        waiting = {name: lasts for name, lasts in waiting.items() if name not in over or now < over[name] + lasts}
        time.sleep(min(_LOOK_SECONDS, max(0.0, end - now)))


def _settle(world: World, times: Times, seconds: float, seen: list[Event]) -> float | None:
    began = stood = before = time.monotonic()
    waited = 0.0
    told: tuple[str, ...] = ()
    while True:
        left, now = tuple(world.left()), time.monotonic()
        waited, before = waited + min(now - before, times.look_seconds), now
        if left != told:
            told = left
            seen.append(StillLeft(now, left))
        if left:
            stood = now
            if waited > seconds:
                seen.append(Unsettled(now, left))
                return None
            seen.extend(world.help())
        elif now - stood >= times.steady_seconds:
            seen.append(Settled(now))
            return stood - began
        time.sleep(_LOOK_SECONDS)


def _judge_history(history: Path, seconds: float, seen: list[Event]) -> tuple[int, tuple[str, ...]]:
    """How many calls there were, and the keys that are undecided."""
    try:
        calls = read_back(history)
    except HistoryError as error:
        seen.append(Judged(time.monotonic(), 0, f"the clients' history cannot be judged: {error}"))
        return 0, ()
    verdict = linearizable.check(calls, seconds)
    text = verdict.text if isinstance(verdict, NotLinearizable) else ""
    seen.append(Judged(time.monotonic(), len(calls), text))
    return len(calls), verdict.keys if isinstance(verdict, Undecided) else ()


def _sleep_until(moment: float, sleep: Callable[[float], object] = time.sleep) -> None:
    sleep(max(0.0, moment - time.monotonic()))
