"""`make storm`: random faults on a real etcd, for so many rounds; docs/storm.md."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.binaries.failures import BuildFailed, Missing
from tests.storm import linearizable, report
from tests.storm.faults import FaultError, Kind
from tests.storm.linearizable import CheckerFailed
from tests.storm.rounds import Round, Times
from tests.storm.schedule import Bounds, Schedule, schedule
from tests.storm.storm import Plan, rage
from tests.storm.world import World, WorldBroke

_MOST_SEEDS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """0 nothing found, 1 found, 2 bad input, 3 undecided, 4 the world or the checker broke."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        given = schedule(options.faults) if options.faults else None
        bounds, times = _of_world(options, _kinds(options.kinds), given)
        _check_rounds(options)
    except FaultError as error:
        print(error, file=sys.stderr)
        return report.BAD_INPUT
    seed = random.randrange(_MOST_SEEDS) if options.seed is None else options.seed
    rounds = options.rounds if options.rounds is not None else 1 if given else 10
    tries, runs = (1, 4) if options.full else (2, 24)
    runs = 0 if options.no_shrinking else runs
    plan = Plan(seed, rounds, bounds, times, given and _anew(given), options.first, tries, runs)
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    code = report.BROKE
    try:
        code = _rage(plan, folder, options)
    except (WorldBroke, BuildFailed, CheckerFailed, Missing) as error:
        print(error, file=sys.stderr)
    except pytest.skip.Exception as missing:
        # What tests skip for, a command cannot go without.
        print(missing.msg, file=sys.stderr)
    finally:
        if options.keep or code == report.BROKE:
            print(f"files: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return code


def _rage(plan: Plan, folder: Path, options: argparse.Namespace) -> int:
    linearizable.program()
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)

    def say(number: int, played: Round) -> None:
        (folder / f"trace-{number}").write_text(f"{report.trace(played)}\n", encoding="utf-8")
        print(report.line(number, played), file=sys.stderr if options.json else sys.stdout, flush=True)

    world = _world(folder / "world", plan.seed, full=options.full)
    try:
        storm = rage(world, plan, folder, say, keep_going=options.keep_going)
    finally:
        world.close()
    more = "FULL=1" if options.full else ""
    print(report.as_json(storm, plan.seed, more) if options.json else report.text(storm, plan.seed, more))
    return report.code(storm)


def _of_world(options: argparse.Namespace, kinds: Sequence[Kind], given: Schedule | None) -> tuple[Bounds, Times]:
    """How much is drawn and how long it may take, which differs between the worlds. Raises FaultError."""
    if not options.full:
        return Bounds(kinds, slots=options.slots or 0), Times(settle_seconds=options.settle or Times.settle_seconds)
    from tests.storm.full import world

    if given is not None:
        world.bounds([each.kind for each in given.faults], given.slots)
    bounds, times = world.bounds(kinds if options.kinds else None, options.slots), world.TIMES
    return bounds, replace(times, settle_seconds=options.settle or times.settle_seconds)


def _world(folder: Path, seed: int, *, full: bool) -> World:
    if full:
        from tests.storm.full.world import FullWorld

        return FullWorld(folder)
    from tests.storm.light.world import LightWorld

    return LightWorld(folder, sizes_go_back=seed % 2 == 1)


def _anew(given: Schedule) -> Schedule:
    """What is given is played in a cluster of its own."""
    return Schedule(given.slots, True, given.faults)


def _check_rounds(options: argparse.Namespace) -> None:
    for name, least in (("rounds", 1), ("first", 0)):
        given = getattr(options, name)
        if given is not None and given < least:
            raise FaultError(f"--{name}: given {given}; allowed: a whole number from {least}")


def _kinds(text: str) -> tuple[Kind, ...]:
    names = text.split(",") if text else list(Kind)
    for name in names:
        if name not in tuple(Kind):
            raise FaultError(f"--kinds: given {name}; allowed: {', '.join(Kind)}")
    return tuple(Kind(name) for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm",
        description=__doc__,
        epilog="exit codes: 0 nothing found, 1 found, 2 bad input, 3 undecided, 4 the world or the checker broke",
    )
    parser.add_argument("--seed", type=int, help="of all schedules (default: a new one)")
    parser.add_argument("--rounds", type=int, help="how many (default: 10; 1 with --faults)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first round (default: %(default)s)")
    parser.add_argument("--faults", help="one schedule to play, as a round's line shows it (default: drawn ones)")
    parser.add_argument("--kinds", default="", help="draw only these kinds of faults, divided by commas (default: all)")
    parser.add_argument(
        "--slots", type=int, choices=(3, 5), help="control planes of each round (default: both, at random)"
    )
    parser.add_argument("--settle", type=float, help="seconds for settling (default: what the world needs at most)")
    parser.add_argument("--full", action="store_true", help="on the local cloud: real instances, real Kubernetes")
    parser.add_argument("--keep-going", action="store_true", help="go on after a round that finds something")
    parser.add_argument("--no-shrinking", action="store_true", help="do not run parts of what was found again")
    parser.add_argument("--keep", action="store_true", help="leave histories and logs there")
    parser.add_argument("--json", action="store_true", help="everything as JSON on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
