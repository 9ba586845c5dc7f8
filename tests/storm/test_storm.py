"""Storms in a world in which nothing runs: the order of a round, what is found, shrunk and told, and how it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.storm import __main__, report
from tests.storm.faults import Fault, Kind
from tests.storm.invariants import Invariant
from tests.storm.played_world import PlayedWorld
from tests.storm.rounds import Times, play
from tests.storm.schedule import ROUNDS_A_CLUSTER, Bounds, schedule
from tests.storm.shrinking import NotRepeated, Shrunk
from tests.storm.storm import Plan, Storm, rage
from tests.storm.trace import FaultBegan, FaultHit, FaultsEnded, Judged, Settled

pytestmark = pytest.mark.usefixtures("porcupine")

TIMES = Times(settle_seconds=0.3, steady_seconds=0.0, waiting_seconds=0.0)
QUICK = Bounds(kinds=(Kind.TERMINATE, Kind.LOSE, Kind.ETCD_KILL), seconds=0.01)
THREE = "3 slots anew: terminate slot0 at 0.00; lose slot1 at 0.01; kill-etcd slot2 at 0.02"


def storm(world: PlayedWorld, folder: Path, text: str = "", *, keep_going: bool = False, **changes: object) -> Storm:
    settings: dict[str, object] = {"seed": 1, "rounds": 1, "given": schedule(text) if text else None} | changes
    plan = Plan(bounds=QUICK, times=TIMES, **settings)  # type: ignore[arg-type]
    return rage(world, plan, folder, lambda number, played: None, keep_going=keep_going)


def kinds(faults: Sequence[Fault]) -> set[Kind]:
    return {each.kind for each in faults}


def test_a_round_asks_the_world_in_its_order_and_its_trace_has_all(tmp_path: Path) -> None:
    world = PlayedWorld()
    played = play(world, schedule(THREE), tmp_path, TIMES, found=True)
    faults = ["terminate slot0 at 0.00", "lose slot1 at 0.01", "kill-etcd slot2 at 0.02"]
    assert world.asked == ["found 3", "begin", *faults, "end faults"]
    assert played.verdict.found == ()
    assert played.calls == 2
    assert [each.fault for each in played.trace.of(FaultBegan)] == faults
    assert all(len(played.trace.of(kind)) == 1 for kind in (FaultsEnded, Settled, Judged))


def test_a_round_goes_on_until_those_that_wait_have_hit_somebody(tmp_path: Path) -> None:
    fault = "kill-agent at 0.00 after move"
    world = PlayedWorld()
    began = time.monotonic()
    world.more = [FaultHit(began, fault, "i-2")]
    play(world, schedule(f"3 slots anew: {fault}"), tmp_path, replace(TIMES, waiting_seconds=60.0), found=True)
    world.more = []
    assert time.monotonic() - began < 30
    began = time.monotonic()
    play(world, schedule(f"3 slots anew: {fault}"), tmp_path, replace(TIMES, waiting_seconds=1.0), found=True)
    assert time.monotonic() - began >= 1.0


def test_an_update_has_more_time_for_each_slot() -> None:
    times = Times(settle_seconds=60.0, updated_slot_seconds=30.0)
    assert times.until_settled(schedule(THREE)) == 60.0
    assert times.until_settled(schedule("3 slots anew: update at 0.00")) == 150.0
    assert times.until_settled(schedule("3 slots anew: update-bad at 0.00")) == 240.0
    assert times.until_settled(schedule("5 slots: lose slot0 at 0.00; update-cancelled at 1.00 for 1.00")) == 360.0


def test_a_fault_that_waited_has_hit_whoever_came_to_it(tmp_path: Path) -> None:
    text = "3 slots anew: kill-agent at 0.00 after move; pause-joiner joiner at 0.00 for 0.01"
    world = PlayedWorld()
    world.more = [FaultHit(time.monotonic() + 0.01, "pause-joiner joiner at 0.00 for 0.01", "i-2")]
    played = play(world, schedule(text), tmp_path, TIMES, found=True)
    assert played.hits == {"kill-agent at 0.00 after move": "", "pause-joiner joiner at 0.00 for 0.01": "i-2"}


def test_a_cluster_is_kept_and_another_one_made_where_the_schedule_says_so(tmp_path: Path) -> None:
    world = PlayedWorld()
    storm(world, tmp_path, rounds=ROUNDS_A_CLUSTER + 1)
    assert sum(each.startswith("found") for each in world.asked) == 2


def test_after_something_was_found_the_next_round_has_a_cluster_of_its_own(tmp_path: Path) -> None:
    world = PlayedWorld(lambda faults: ["two clusters"])
    found = storm(world, tmp_path, rounds=3, keep_going=True, shrink_runs=0)
    assert len(found.rounds) == len(found.found) == 3
    assert sum(each.startswith("found") for each in world.asked) == 3


def test_the_first_that_finds_something_is_the_last_one(tmp_path: Path) -> None:
    found = storm(PlayedWorld(lambda faults: ["two clusters"]), tmp_path, rounds=3, shrink_runs=0)
    assert len(found.rounds) == 1


@pytest.mark.parametrize(
    ("wrong", "invariant"),
    [
        ("two clusters", Invariant.ONE_CLUSTER),
        ("unsettled", Invariant.SETTLED),
        ("lost write", Invariant.LINEARIZABLE),
    ],
)
def test_what_the_world_shows_is_found(tmp_path: Path, wrong: str, invariant: Invariant) -> None:
    played = play(PlayedWorld(lambda faults: [wrong]), schedule(THREE), tmp_path, TIMES, found=True)
    assert played.verdict.broken == {invariant}


def test_the_fault_that_does_it_is_left_and_the_command_plays_it_again(tmp_path: Path) -> None:
    world = PlayedWorld(lambda faults: ["two clusters"] if Kind.LOSE in kinds(faults) else [])
    found = storm(world, tmp_path, THREE)
    (only,) = found.found
    assert isinstance(only.shrunk, Shrunk)
    assert str(only.schedule) == "3 slots anew: lose slot1 at 0.01"
    assert report.command(only, 1) == "make storm SEED=1 FAULTS='3 slots anew: lose slot1 at 0.01'"
    said = report.text(found, 1)
    assert "no fault can be left out" in said
    assert report.command(only, 1) in said
    assert report.code(found) == report.FOUND


def test_what_does_not_repeat_is_said_to_and_is_not_shrunk(tmp_path: Path) -> None:
    def once(faults: Sequence[Fault]) -> list[str]:
        return ["two clusters"] if world.asked.count("begin") == 1 else []

    world = PlayedWorld(once)
    found = storm(world, tmp_path, THREE)
    (only,) = found.found
    assert only.shrunk == NotRepeated(2)
    assert str(only.schedule) == THREE
    assert "it does not repeat: 2 runs" in report.text(found, 1)


def test_a_rounds_line_has_its_schedule_whom_nothing_hit_and_what_was_found(tmp_path: Path) -> None:
    text = "3 slots anew: kill-agent at 0.00 after move"
    played = play(PlayedWorld(lambda faults: ["unsettled"]), schedule(text), tmp_path, TIMES, found=True)
    said = report.line(7, played)
    assert said.startswith("round 7: 3 slots anew: kill-agent at 0.00 after move | hit nobody: kill-agent")
    assert said.endswith("FOUND: everything settles once faults stop: slot 0 is empty")
    assert "\n" not in said


def test_the_answer_for_machines_has_the_seed_each_round_and_the_command(tmp_path: Path) -> None:
    found = storm(PlayedWorld(lambda faults: ["two clusters"]), tmp_path, THREE, shrink_runs=0)
    said = json.loads(report.as_json(found, 1))
    assert (said["seed"], said["code"], len(said["rounds"])) == (1, report.FOUND, 1)
    assert said["rounds"][0]["schedule"] == THREE
    assert said["rounds"][0]["hits"]["lose slot1 at 0.01"] == "i-1"
    assert said["found"][0]["command"] == f"make storm SEED=1 FAULTS='{THREE}'"


def test_a_world_that_breaks_ends_the_storm_and_what_was_played_is_told(tmp_path: Path) -> None:
    world = PlayedWorld()
    world.breaks_in = 2
    found = storm(world, tmp_path, THREE, rounds=3)
    assert len(found.rounds) == 1
    assert report.code(found) == report.BROKE
    assert report.text(found, 1).endswith("the world could not go on in round 1: as the test wants it")


def test_nothing_found_ends_well(tmp_path: Path) -> None:
    found = storm(PlayedWorld(), tmp_path, THREE)
    assert report.code(found) == report.NOTHING_FOUND
    assert report.text(found, 1).endswith("nothing was found")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faults", "3 slots: forget slot1 at 1"], "kind: given forget; allowed: terminate, "),
        (["--kinds", "terminate,sleep"], "--kinds: given sleep; allowed: terminate, "),
        (["--rounds", "0"], "--rounds: given 0; allowed: a whole number from 1"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(arguments) == report.BAD_INPUT
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1


@pytest.mark.parametrize(("wrong", "code"), [([], report.NOTHING_FOUND), (["two clusters"], report.FOUND)])
def test_the_command_prints_the_seed_and_closes_the_world(
    wrong: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = PlayedWorld(lambda faults: wrong)
    monkeypatch.setattr(__main__, "_world", lambda folder, seed, full: world)
    arguments = ["--seed", "5", "--faults", "3 slots: lose slot1 at 0", "--settle", "0.2", "--no-shrinking"]
    assert __main__.main(arguments) == code
    assert "seed 5" in capsys.readouterr().out
    assert world.asked[-1] == "close"
