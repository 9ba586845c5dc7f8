"""A storm: rounds one after the other, and where one finds something the same again in ever smaller parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.storm.faults import Fault
from tests.storm.rounds import Round, Times, play
from tests.storm.schedule import Bounds, Schedule, draw
from tests.storm.shrinking import NotRepeated, Shrunk, shrink
from tests.storm.world import World, WorldBroke

Say = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """What is played. `given` is one schedule, in place of those that the seed draws."""

    seed: int
    rounds: int
    bounds: Bounds
    times: Times
    given: Schedule | None = None
    first: int = 0
    """The number of the first round."""
    shrink_tries: int = 2
    shrink_runs: int = 24

    def schedules(self) -> Iterator[tuple[int, Schedule]]:
        """Every round's number and schedule."""
        for number in range(self.first, self.first + self.rounds):
            yield number, self.given or draw(self.seed, number, self.bounds)


@dataclass(frozen=True)
class Found:
    """A round that found something, and the part of its schedule that shows it again."""

    number: int
    round: Round
    shrunk: Shrunk | NotRepeated | None
    """None where that was not asked for."""
    schedule: Schedule
    """To play again: the shrunk one, or all of it."""


@dataclass(frozen=True)
class Storm:
    """All rounds with their numbers, and what was found."""

    rounds: tuple[tuple[int, Round], ...]
    found: tuple[Found, ...]
    broke: str = ""
    """Why the world could not go on, before all rounds were played."""


def rage(world: World, plan: Plan, folder: Path, say: Callable[[int, Round], object], *, keep_going: bool) -> Storm:
    """Play all rounds, up to the first that finds something unless it is to `keep_going`."""
    rounds: list[tuple[int, Round]] = []
    found: list[Found] = []
    stands = 0
    for number, schedule in plan.schedules():
        anew = schedule.anew or stands != schedule.slots
        try:
            played = play(world, schedule, folder, plan.times, found=anew, seed=plan.seed)
        except WorldBroke as error:
            return Storm(tuple(rounds), tuple(found), f"round {number}: {error}")
        rounds.append((number, played))
        say(number, played)
        # After something that did not settle nobody knows in what the next round would begin.
        stands = 0 if played.verdict.found or played.settled_after is None else schedule.slots
        if played.verdict.found:
            found.append(_shrunk(world, plan, number, played, folder))
            if not keep_going:
                break
    return Storm(tuple(rounds), tuple(found))


def _shrunk(world: World, plan: Plan, number: int, played: Round, folder: Path) -> Found:
    """Run parts of the schedule again, each in a cluster of its own."""
    whole = replace(played.schedule, anew=True)
    if plan.shrink_runs < 1:
        return Found(number, played, None, whole)

    def shows(faults: Sequence[Fault]) -> bool:
        part = replace(whole, faults=tuple(faults))
        with suppress(WorldBroke):
            again = play(world, part, folder, plan.times, found=True, seed=plan.seed)
            return bool(again.verdict.broken & played.verdict.broken)
        return False

    least = shrink(whole.faults, shows, plan.shrink_tries, plan.shrink_runs)
    faults = tuple(each for each in whole.faults if isinstance(least, NotRepeated) or each in least.parts)
    return Found(number, played, least, replace(whole, faults=faults))
