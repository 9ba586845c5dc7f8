"""The schedule of a round: drawn with a seed, written in one line, and read back from it."""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from dataclasses import dataclass

from tests.storm.faults import (
    AGENT,
    JOINER,
    LASTING,
    LEADER,
    LOSING,
    OF_CLUSTER,
    STEPPED,
    UPDATES,
    WAITING,
    Fault,
    FaultError,
    Kind,
    Step,
    fault,
)

ROUNDS_A_CLUSTER = 8
"""After so many rounds the schedule asks for another cluster."""
_FIVE_SLOTS = 0.2
"""The share of clusters that have five slots."""
_WEIGHTS = {
    Kind.TERMINATE: 6,
    Kind.LOSE: 3,
    Kind.ETCD_KILL: 3,
    Kind.ETCD_FREEZE: 3,
    Kind.AGENT_KILL: 4,
    Kind.AGENT_FREEZE: 4,
    Kind.PARTITION: 3,
    Kind.TABLE_ERRORS: 2,
}
"""How often a kind is drawn, 1 where it is not named here."""
_REMOVES = LOSING | UPDATES | {Kind.TERMINATE, Kind.STANDBY, Kind.DETACH, Kind.DESIRED_ZERO}
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.3, 3.0


@dataclass(frozen=True)
class Schedule:
    """What happens in a round. `anew`: in a cluster that is founded for it, and not in that of the round before."""

    slots: int
    anew: bool
    faults: tuple[Fault, ...]

    def __post_init__(self) -> None:
        if self.slots not in (3, 5):
            raise FaultError(f"slots: given {self.slots}; allowed: 3 or 5")
        for each in self.faults:
            if each.target.startswith("slot") and int(each.target[4:]) >= self.slots:
                raise FaultError(f"target of {each.kind}: given {each.target}; allowed: slot0 to slot{self.slots - 1}")

    def __str__(self) -> str:
        return f"{self.slots} slots{' anew' if self.anew else ''}: {'; '.join(map(str, self.faults)) or 'nothing'}"


def schedule(text: str) -> Schedule:
    """The schedule that is written so, as `3 slots anew: terminate slot1 at 0.40; lose leader at 1.00`.

    Raises FaultError.
    """
    found = re.fullmatch(r"(\d+) slots( anew)?: (.+)", text.strip())
    if found is None:
        raise FaultError(f"schedule: given {text.strip()[:80] or 'nothing'}; allowed: N slots anew: FAULT; FAULT …")
    faults = () if found[3] == "nothing" else tuple(fault(each) for each in found[3].split(";"))
    return Schedule(int(found[1]), found[2] is not None, faults)


@dataclass(frozen=True)
class Bounds:
    """How much is drawn. `kinds` are those that the world can play."""

    kinds: Collection[Kind] = tuple(Kind)
    most_faults: int = 5
    seconds: float = 3.0
    """In which they begin."""
    longest_seconds: float = _LONGEST_SECONDS
    slots: int = 0
    """As many always; 0 draws 3 or 5."""


def draw(seed: int, number: int, bounds: Bounds = Bounds()) -> Schedule:
    """The schedule of round `number`, from 0: each is drawn by itself, so it is the same however many come before."""
    cluster, place = divmod(number, ROUNDS_A_CLUSTER)
    slots = bounds.slots or (5 if random.Random(f"slots {seed} {cluster}").random() < _FIVE_SLOTS else 3)
    chance = random.Random(f"faults {seed} {number}")
    kinds = sorted(bounds.kinds)
    faults: list[Fault] = []
    for _ in range(chance.randint(1, bounds.most_faults)):
        kind = chance.choices(kinds, [_WEIGHTS.get(each, 1) for each in kinds])[0]
        if _fits(kind, faults, slots):
            faults.append(_drawn(kind, slots, chance, bounds))
    if any(each.kind in WAITING for each in faults) and not any(each.kind in _REMOVES for each in faults):
        # Without a member that leaves, nobody would come to where these wait.
        faults.append(_drawn(Kind.TERMINATE, slots, chance, bounds))
    return Schedule(slots, place == 0, tuple(sorted(faults, key=lambda each: each.at)))


def _fits(kind: Kind, before: Collection[Fault], slots: int) -> bool:
    """Data is lost of a minority of the slots at most: what more can do a cluster ends in a restore, by design."""
    if kind in LOSING:
        return sum(each.kind in LOSING for each in before) < (slots - 1) // 2
    # CloudFormation takes one update at a time.
    return kind not in UPDATES or not any(each.kind in UPDATES for each in before)


def _drawn(kind: Kind, slots: int, chance: random.Random, bounds: Bounds) -> Fault:
    target = ""
    if kind in (Kind.JOINER_PAUSE,):
        target = JOINER
    elif kind in (Kind.DESIRED_ZERO, Kind.DESIRED_TWO, Kind.BOOT_FAILS):
        target = f"slot{chance.randrange(slots)}"
    elif kind not in OF_CLUSTER:
        target = chance.choice([*(f"slot{slot}" for slot in range(slots)), LEADER, AGENT])
    longest = max(_SHORTEST_SECONDS, bounds.longest_seconds)
    return Fault(
        kind,
        round(chance.uniform(0, bounds.seconds), 2),
        target,
        round(chance.uniform(_SHORTEST_SECONDS, longest), 2) if kind in LASTING else 0.0,
        chance.choice(tuple(Step)) if kind in STEPPED else None,
    )
