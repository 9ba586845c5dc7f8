"""Explores a model breadth first: shortest traces, properties of every state, and whether the good end stays in reach.

A step is either the system's (something that happens by itself if nothing prevents it) or a fault (something that may
happen or not). Progress means: from every state that faults can lead to, the system's own steps alone can still reach
a good state. So once the faults end, it gets there.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

State = TypeVar("State")

NO_PROGRESS = "the faults ended, and no good state can be reached any more"


class Step(NamedTuple, Generic[State]):
    """One thing that can happen, and the state after it."""

    label: str
    after: State
    fault: bool = False


class Model(Protocol[State]):
    """What is explored."""

    @property
    def invariants(self) -> Mapping[str, Callable[[State], bool]]:
        """What must hold in every state, by the sentence that says so."""

    def initial(self) -> State:
        """The first state."""

    def steps(self, state: State) -> Iterable[Step[State]]:
        """Everything that can happen next."""

    def is_good(self, state: State) -> bool:
        """Whether the system is where it should end: healthy, or waiting for a person by a named condition."""

    def parts(self, state: State) -> tuple[Hashable, ...]:
        """The state as a flat tuple; equal parts of many states are kept once."""

    def whole(self, parts: tuple[Hashable, ...]) -> State:
        """The state that `parts` was made of."""


@dataclass(frozen=True)
class Violation(Generic[State]):
    """The shortest way to a state that must not be."""

    what: str
    trace: tuple[str, ...]
    state: State

    def __str__(self) -> str:
        steps = "\n".join(f"  {number:2}. {label}" for number, label in enumerate(self.trace, 1))
        return f"{self.what}\n{steps}\n  => {self.state}"


@dataclass(frozen=True)
class Result(Generic[State]):
    """What an exploration saw; `complete` is false where it stopped at its bound."""

    states: int
    seconds: float
    complete: bool
    violation: Violation[State] | None


def explore(model: Model[State], most_states: int = 5_000_000) -> Result[State]:
    """Explore every state, up to `most_states`, until the first violation."""
    started = time.perf_counter()
    seen = _Seen(model)
    seen.number(model.initial(), -1, "")
    violation = None
    cursor = 0
    while violation is None and cursor < len(seen) < most_states:
        state = seen.state(cursor)
        broken = next((what for what, holds in model.invariants.items() if not holds(state)), None)
        if broken is not None:
            violation = Violation(broken, seen.trace(cursor), state)
            break
        for step in model.steps(state):
            number = seen.number(step.after, cursor, f"fault: {step.label}" if step.fault else step.label)
            if not step.fault:
                seen.lead(cursor, number)
        cursor += 1
    complete = cursor == len(seen)
    if violation is None and complete:
        stuck = seen.cannot_reach(model.is_good)
        if stuck is not None:
            violation = Violation(NO_PROGRESS, seen.trace(stuck), seen.state(stuck))
    return Result(len(seen), time.perf_counter() - started, complete, violation)


class _Seen(Generic[State]):
    """The states so far, by number, with how each was reached first and which led to which without a fault."""

    def __init__(self, model: Model[State]) -> None:
        self._model = model
        self._part_numbers: dict[Hashable, int] = {}
        self._part_values: list[Hashable] = []
        self._numbers: dict[tuple[int, ...], int] = {}
        self._states: list[tuple[int, ...]] = []
        self._parents = array("i")
        self._labels: list[str] = []
        self._from, self._to = array("i"), array("i")

    def __len__(self) -> int:
        return len(self._states)

    def number(self, state: State, parent: int, label: str) -> int:
        """The state's number; a new state gets one."""
        packed = tuple(self._part(part) for part in self._model.parts(state))
        number = self._numbers.get(packed)
        if number is None:
            number = self._numbers[packed] = len(self._states)
            self._states.append(packed)
            self._parents.append(parent)
            self._labels.append(label)
        return number

    def state(self, number: int) -> State:
        """The state of a number."""
        return self._model.whole(tuple(self._part_values[part] for part in self._states[number]))

    def lead(self, before: int, after: int) -> None:
        """A step of the system leads from one state to the other."""
        self._from.append(before)
        self._to.append(after)

    def trace(self, number: int) -> tuple[str, ...]:
        """The labels of the shortest way to a state."""
        return tuple(reversed(list(self._back(number))))

    def cannot_reach(self, is_good: Callable[[State], bool]) -> int | None:
        """The first state from which no good one can be reached by steps of the system alone."""
        reaching = bytearray(len(self))
        before = self._predecessors()
        work = [number for number in range(len(self)) if is_good(self.state(number))]
        for number in work:
            reaching[number] = 1
        while work:
            for source in before(work.pop()):
                if not reaching[source]:
                    reaching[source] = 1
                    work.append(source)
        stuck = reaching.find(0)
        return stuck if stuck >= 0 else None

    def _part(self, part: Hashable) -> int:
        # Values of different kinds may be equal.
        key = (part.__class__, part)
        number = self._part_numbers.get(key)
        if number is None:
            number = self._part_numbers[key] = len(self._part_values)
            self._part_values.append(part)
        return number

    def _back(self, number: int) -> Iterator[str]:
        while number > 0:
            yield self._labels[number]
            number = self._parents[number]

    def _predecessors(self) -> Callable[[int], array[int]]:
        """Looks up the states that lead to one: all of them in one array, ordered by where they lead."""
        starts = array("i", bytes(4 * (len(self) + 1)))
        for target in self._to:
            starts[target + 1] += 1
        for number in range(len(self)):
            starts[number + 1] += starts[number]
        free = array("i", starts)
        sources = array("i", bytes(4 * len(self._to)))
        for source, target in zip(self._from, self._to, strict=True):
            sources[free[target]] = source
            free[target] += 1
        return lambda number: sources[starts[number] : starts[number + 1]]
