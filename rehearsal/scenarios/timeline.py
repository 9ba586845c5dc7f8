"""What happened to a cluster, made of looks at it: one bar for each instance, hooks, leaders, operations. Pure.

All times are seconds since the rehearsal began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from rehearsal.scenarios.gaps import Gap

_ENDING = frozenset({"shutting-down", "stopping", "stopped"})
HOOKS = ("Pending:Wait", "Terminating:Wait")
"""The lifecycle states in which a hook holds an instance."""


class Phase(StrEnum):
    """What an instance of a slot is, as the picture tells it."""

    BOOTING = "booting"
    """It runs, and is no voter of etcd yet."""
    MEMBER = "member"
    LEAVING = "leaving"
    """A voter that Auto Scaling has begun to terminate."""
    REMOVED = "removed"
    """It still runs, and is not to: etcd does not list it."""


@dataclass(frozen=True)
class Sight:
    """One control plane at one look."""

    instance_id: str
    slot: int
    state: str
    """What EC2 calls it."""
    lifecycle_state: str
    """What Auto Scaling calls it."""
    target: str
    """Its health at the balancer."""
    stage: str
    """The stage of its boot, as it says itself."""

    @property
    def is_leaving(self) -> bool:
        """Whether it is being terminated."""
        return self.lifecycle_state.startswith("Terminating") or self.state in _ENDING


@dataclass(frozen=True)
class Look:
    """What was seen at one moment. Members and leader stay as they were while etcd answers nobody."""

    at: float
    sights: tuple[Sight, ...]
    """Of instances that are not gone."""
    members: Mapping[str, str]
    """Instance -> `voter` or `learner`; a member that never started has its etcd id with a `?` before it."""
    leader: str
    """The instance whose member leads; empty where that is not known."""
    operation: str
    """The change of etcd's membership that is in flight; empty where there is none."""
    conditions: tuple[str, ...] = ()
    """The names of conditions."""

    def phase(self, sight: Sight) -> Phase:
        """What one of its instances is."""
        voter = self.members.get(sight.instance_id) == "voter"
        if sight.is_leaving:
            return Phase.LEAVING if voter else Phase.REMOVED
        return Phase.MEMBER if voter else Phase.BOOTING


@dataclass(frozen=True)
class Span:
    """Something that lasted."""

    what: str
    start: float
    end: float


@dataclass(frozen=True)
class Bar:
    """The life of one instance, as far as it was seen."""

    instance_id: str
    slot: int
    phases: tuple[Span, ...]
    """Without holes, in order."""
    hooks: tuple[Span, ...]
    leads: tuple[Span, ...]

    @property
    def start(self) -> float:
        """When it was first seen."""
        return self.phases[0].start

    @property
    def end(self) -> float:
        """When it was gone, or the end of the time line."""
        return self.phases[-1].end


@dataclass(frozen=True)
class Episode:
    """From one step, or several at once, to a whole cluster."""

    what: str
    start: float
    end: float
    gone: tuple[str, ...]
    came: tuple[str, ...]
    gap: Gap | None
    """The largest gap between acknowledged writes; None while nobody wrote."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class Timeline:
    """A whole run."""

    about: str
    slots: int
    looks: tuple[Look, ...]
    """Only those at which something differs from the one before."""
    end: float
    episodes: tuple[Episode, ...] = ()
    writing: Span | None = None
    """When the client wrote."""
    gaps: tuple[Gap, ...] = ()
    """The large ones between acknowledged writes, in order."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What else is worth knowing of the run, such as its seed."""

    def bars(self) -> list[Bar]:
        """One for each instance, by slot and beginning."""
        found = {(sight.instance_id, sight.slot) for look in self.looks for sight in look.sights}
        bars = [self._bar(instance_id, slot) for instance_id, slot in found]
        return sorted(bars, key=lambda bar: (bar.slot, bar.start, bar.instance_id))

    def operations(self) -> list[Span]:
        """The changes of etcd's membership."""
        return [span for span in self._spans(lambda look: look.operation) if span.what]

    def _bar(self, instance_id: str, slot: int) -> Bar:
        def seen(look: Look) -> Sight | None:
            return next((sight for sight in look.sights if sight.instance_id == instance_id), None)

        def phase(look: Look) -> str:
            sight = seen(look)
            return "" if sight is None else look.phase(sight)

        def hook(look: Look) -> str:
            sight = seen(look)
            return sight.lifecycle_state if sight is not None and sight.lifecycle_state in HOOKS else ""

        def leads(look: Look) -> str:
            return "leader" if look.leader == instance_id and seen(look) is not None else ""

        every = (tuple(span for span in self._spans(what) if span.what) for what in (phase, hook, leads))
        return Bar(instance_id, slot, *every)

    def _spans(self, what: Callable[[Look], str]) -> list[Span]:
        """How long each answer lasted: from the look that first had it to the one that first had another."""
        runs = [(answer, next(iter(group)).at) for answer, group in groupby(self.looks, what)]
        ends = [*(at for _, at in runs[1:]), self.end][: len(runs)]
        return [Span(answer, at, end) for (answer, at), end in zip(runs, ends, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return asdict(self)


def changes(looks: Iterable[Look]) -> tuple[Look, ...]:
    """Of many looks those that differ from the one before, by more than their moment."""
    kept: list[Look] = []
    for look in looks:
        if not kept or _content(kept[-1]) != _content(look):
            kept.append(look)
    return tuple(kept)


def _content(look: Look) -> tuple[object, ...]:
    return look.sights, look.members, look.leader, look.operation, look.conditions


def lacking(look: Look, slots: int, broken: Sequence[str]) -> list[str]:
    """What contradicts a whole cluster, a line each; `broken` are instances that have to go or to heal before."""
    lines = [f"{name} is still there" for name in broken if any(sight.instance_id == name for sight in look.sights)]
    for slot in range(slots):
        mine = [sight for sight in look.sights if sight.slot == slot]
        lines += [] if len(mine) == 1 else [f"slot {slot} has {len(mine)} control planes"]
    for sight in look.sights:
        states = (sight.lifecycle_state, sight.target, sight.stage)
        if states != ("InService", "healthy", "start-agent"):
            lines.append(f"{sight.instance_id} (slot {sight.slot}): {', '.join(states)}")
        if look.members.get(sight.instance_id) != "voter":
            lines.append(f"{sight.instance_id} is no voter of etcd")
    known = {sight.instance_id for sight in look.sights}
    lines += [f"etcd lists {name}" for name in sorted(look.members.keys() - known)]
    if look.leader not in known:
        lines.append("etcd has no leader that is known")
    if look.operation:
        lines.append(f"in flight: {look.operation}")
    return lines
