"""What may stand in a scenario file, and the reading of one. Pure.

about: one line for people
parameters: {GeneralMinSize: "0"}     # values for the root template's parameters
settings: {pace: {look: 1}}           # what the machines' image.json has, too
steps:
  - wait: whole                       # until the cluster is whole; within 600 s where nothing else is said
    within: 300 s
  - wait: 20 s
  - terminate: slot 0                 # through Auto Scaling, or: lose, hang, freeze, isolate; also: leader
  - thaw: slot 0                      # the one that was frozen; rejoin: the one that was isolated
  - update: control planes            # a new image, typed with the AWS CLI; wait: whole waits for the stack, too
  - replace: random slots             # terminate one and wait until whole, so many times
    times: 20
    seed: 7
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

WITHIN_SECONDS = 600.0
"""How long the cluster may take until it is whole, where the scenario does not say it."""
LEADER = "leader"
_SECONDS = re.compile(r"(\d+(?:\.\d+)?) s")
_SLOT = re.compile(r"slot (\d)")
_WHOLE, _RANDOM, _CONTROL_PLANES = "whole", "random slots", "control planes"


class ScenarioError(Exception):
    """A scenario says what cannot be done; the text names the place, what is given, and what is allowed."""


class Verb(StrEnum):
    """What is done to an instance. `terminate` goes through Auto Scaling, all others are faults of the local cloud."""

    TERMINATE = "terminate"
    LOSE = "lose"
    HANG = "hang"
    FREEZE = "freeze"
    THAW = "thaw"
    ISOLATE = "isolate"
    REJOIN = "rejoin"


UNDOES: Mapping[Verb, Verb] = {Verb.THAW: Verb.FREEZE, Verb.REJOIN: Verb.ISOLATE}
"""Verbs that end what another one began: their slot means the instance that this happened to."""


@dataclass(frozen=True)
class Hit:
    """Something happens to a control plane; `slot` is None for the instance whose member leads etcd."""

    verb: Verb
    slot: int | None

    def __str__(self) -> str:
        return f"{self.verb} {LEADER if self.slot is None else f'slot {self.slot}'}"


@dataclass(frozen=True)
class Update:
    """An update of the stack begins that replaces every control plane."""

    def __str__(self) -> str:
        return "update control planes"


@dataclass(frozen=True)
class Whole:
    """Nothing happens until the cluster is whole."""

    within: float = WITHIN_SECONDS
    """Seconds after which the scenario has failed."""

    def __str__(self) -> str:
        return "wait until whole"


@dataclass(frozen=True)
class Pause:
    """Nothing happens for so many seconds."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds:g} s"


@dataclass(frozen=True)
class Replace:
    """Control planes of random slots are terminated and replaced. `seed` is None where a run draws one."""

    times: int
    seed: int | None
    within: float = WITHIN_SECONDS


Simple = Hit | Update | Whole | Pause
Step = Simple | Replace


@dataclass(frozen=True)
class Scenario:
    """One file."""

    about: str
    steps: tuple[Step, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def unrolled(self, slots: int, seed: int, times: int | None = None) -> tuple[Simple, ...]:
        """The steps with random ones drawn: the same for the same seed. A file's own seed counts before `seed`.

        `times` stands for the number in the file. Raises ScenarioError for a slot that a cluster of `slots` lacks.
        """
        steps: list[Simple] = []
        for step in self.steps:
            if isinstance(step, Replace):
                draw = random.Random(seed if step.seed is None else step.seed)
                for _ in range(step.times if times is None else times):
                    steps += [Hit(Verb.TERMINATE, draw.randrange(slots)), Whole(step.within)]
            elif isinstance(step, Hit) and step.slot is not None and step.slot >= slots:
                raise ScenarioError(f"{step}: the cluster has no such slot; allowed: slot 0 to slot {slots - 1}")
            else:
                steps.append(step)
        return tuple(steps)

    @property
    def is_random(self) -> bool:
        """Whether times and a seed mean anything to it."""
        return any(isinstance(step, Replace) for step in self.steps)


def parse(text: str) -> Scenario:
    """The scenario that a file's text holds. Raises ScenarioError for the first thing that cannot stand there."""
    try:
        found = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ScenarioError(f"no YAML: {' '.join(str(error).split())}") from error
    top = _mapping("the file", found, ("about", "parameters", "settings", "steps"))
    steps = top.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ScenarioError(f"steps: {steps!r}; allowed: a list of one step or more")
    parsed = tuple(_step(f"step {number}", each) for number, each in enumerate(steps, 1))
    _check_order(parsed)
    return Scenario(
        about=_text("about", top.get("about", "")),
        steps=parsed,
        parameters={
            name: _text(f"parameters: {name}", value)
            for name, value in _mapping("parameters", top.get("parameters", {})).items()
        },
        settings=_mapping("settings", top.get("settings", {})),
    )


def _step(where: str, found: Any) -> Step:
    verbs = (*Verb, "update", "wait", "replace")
    step = _mapping(where, found, (*verbs, "within", "times", "seed"))
    named = [verb for verb in verbs if verb in step]
    if len(named) != 1:
        raise ScenarioError(f"{where}: {' and '.join(named) or sorted(step)}; allowed: one of {', '.join(verbs)}")
    verb, value = named[0], step.pop(named[0])
    where = f"{where}: {verb}"
    if verb == "replace":
        if value != _RANDOM:
            raise ScenarioError(f"{where}: {value!r}; allowed: {_RANDOM}")
        times, seed = (_number(f"{where}: {name}", step.pop(name, None), name) for name in ("times", "seed"))
        within = _within(where, step)
        _nothing_left(where, step)
        if not times:
            raise ScenarioError(f"{where}: times: {times}; allowed: a whole number, 1 or more")
        return Replace(times, seed, within)
    if verb == "wait" and value == _WHOLE:
        whole = Whole(_within(where, step))
        _nothing_left(where, step)
        return whole
    _nothing_left(where, step)
    if verb == "update":
        if value != _CONTROL_PLANES:
            raise ScenarioError(f"{where}: {value!r}; allowed: {_CONTROL_PLANES}")
        return Update()
    if verb == "wait":
        return Pause(_seconds(where, value, f"{_WHOLE}, or seconds such as 20 s"))
    return _hit(where, Verb(verb), value)


def _hit(where: str, verb: Verb, value: Any) -> Hit:
    if value == LEADER and verb not in UNDOES:
        return Hit(verb, None)
    match = _SLOT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        allowed = "slot 0, slot 1 and so on" + ("" if verb in UNDOES else f", or {LEADER}")
        raise ScenarioError(f"{where}: {value!r}; allowed: {allowed}")
    return Hit(verb, int(match[1]))


def _check_order(steps: Collection[Step]) -> None:
    """Nothing can be done to a cluster that is not whole yet, and only what was begun can be undone."""
    begun: set[tuple[Verb, int | None]] = set()
    seen_whole = False
    for number, step in enumerate(steps, 1):
        seen_whole = seen_whole or isinstance(step, Whole)
        if isinstance(step, Hit | Update | Replace) and not seen_whole:
            raise ScenarioError(f"step {number}: it comes before the cluster is there; allowed: wait: {_WHOLE} first")
        if not isinstance(step, Hit):
            continue
        if step.verb in UNDOES and (UNDOES[step.verb], step.slot) not in begun:
            before = Hit(UNDOES[step.verb], step.slot)
            raise ScenarioError(f"step {number}: {step}; allowed: after a step {before.verb}: slot {step.slot}")
        begun.add((step.verb, step.slot))


def _within(where: str, step: dict[str, Any]) -> float:
    given = step.pop("within", None)
    return WITHIN_SECONDS if given is None else _seconds(f"{where}: within", given, "seconds such as 300 s")


def _seconds(where: str, value: Any, allowed: str) -> float:
    match = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ScenarioError(f"{where}: {value!r}; allowed: {allowed}")
    return float(match[1])


def _number(where: str, value: Any, name: str) -> int | None:
    if value is None and name == "seed":
        return None
    # A YAML `true` is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ScenarioError(f"{where}: {value!r}; allowed: a whole number")
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ScenarioError(f'{where}: {value!r}; allowed: text, in quotes where it looks like a number, as in "0"')
    return value


def _mapping(where: str, found: Any, allowed: Collection[str] = ()) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ScenarioError(f"{where}: {found!r}; allowed: {'fields ' + ', '.join(allowed) if allowed else 'fields'}")
    for name in found:
        if not isinstance(name, str) or (allowed and name not in allowed):
            raise ScenarioError(f"{where}: {name!r} is no field of it; allowed: {', '.join(allowed) or 'text'}")
    return dict(found)


def _nothing_left(where: str, step: Mapping[str, Any]) -> None:
    for name in step:
        raise ScenarioError(f"{where}: {name} means nothing there; allowed: {', '.join(_fields_of(where))}")


def _fields_of(where: str) -> Iterator[str]:
    kind = where.rpartition(" ")[2]
    if kind in ("wait", "replace"):
        yield f"within, for wait: {_WHOLE}" if kind == "wait" else "times, seed, within"
    else:
        yield "no other field"


class _Loader(yaml.SafeLoader):
    """Refuses a field that stands twice, of which YAML's own loader keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise ScenarioError(f"line {node.start_mark.line + 1}: {name} stands twice; allowed: once")
        return super().construct_mapping(node, deep)
