"""Schedules: drawn alike by the same seed, written in one line, read back, and refused in one line."""

from __future__ import annotations

import re

import pytest

from tests.storm.faults import LOSING, UPDATES, FaultError, Kind, fault
from tests.storm.schedule import ROUNDS_A_CLUSTER, Bounds, Schedule, draw, schedule

DRAWN = [draw(seed, number) for seed in range(20) for number in range(2 * ROUNDS_A_CLUSTER)]


def test_every_schedule_that_is_drawn_is_read_back_from_its_line() -> None:
    assert [schedule(str(each)) for each in DRAWN] == DRAWN


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    first, again, other = ([str(draw(seed, number)) for number in range(20)] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_kind_is_drawn_and_three_and_five_slots_are() -> None:
    assert {each.kind for drawn in DRAWN for each in drawn.faults} == set(Kind)
    assert {drawn.slots for drawn in DRAWN} == {3, 5}


def test_a_cluster_is_kept_for_some_rounds() -> None:
    assert [draw(1, number).anew for number in range(ROUNDS_A_CLUSTER + 1)] == [
        True,
        *[False] * (ROUNDS_A_CLUSTER - 1),
        True,
    ]


def test_only_a_minority_loses_its_data_and_updates_come_one_at_a_time() -> None:
    for drawn in DRAWN:
        assert sum(each.kind in LOSING for each in drawn.faults) <= (drawn.slots - 1) // 2
        assert sum(each.kind in UPDATES for each in drawn.faults) <= 1


def test_where_a_fault_waits_for_a_removal_something_is_removed() -> None:
    waiting = {Kind.AGENT_KILL, Kind.AGENT_FREEZE, Kind.JOINER_PAUSE, Kind.BOOT_FAILS}
    alone = [drawn for drawn in DRAWN if drawn.faults and {each.kind for each in drawn.faults} <= waiting]
    assert alone == []


def test_only_kinds_that_the_world_plays_are_drawn_and_only_so_many() -> None:
    bounds = Bounds(kinds=(Kind.TERMINATE, Kind.LOSE), most_faults=2, slots=3)
    drawn = [draw(seed, 0, bounds) for seed in range(50)]
    assert {each.kind for found in drawn for each in found.faults} == {Kind.TERMINATE, Kind.LOSE}
    assert max(len(found.faults) for found in drawn) == 2


def test_a_schedule_without_faults_has_a_line_too() -> None:
    assert schedule("3 slots anew: nothing") == Schedule(3, True, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "schedule: given nothing; allowed: N slots anew: FAULT; FAULT …"),
        ("4 slots: nothing", "slots: given 4; allowed: 3 or 5"),
        ("3 slots: lose slot3 at 1", "target of lose: given slot3; allowed: slot0 to slot2"),
        ("3 slots: lose slot1", "fault: given lose slot1; allowed: KIND TARGET at N for N after STEP"),
        ("3 slots: forget slot1 at 1", f"kind: given forget; allowed: {', '.join(Kind)}"),
        ("3 slots: lose at 1", "target of lose: given nothing; allowed: slot0 to slot4, leader, agent or joiner"),
        ("3 slots: update slot1 at 1", "target of update: given slot1; allowed: nothing"),
        ("3 slots: lose slot1 at 1 for 2", "seconds of lose: given 2; allowed: nothing"),
        ("3 slots: no-aws slot1 at 1", "seconds of no-aws: given 0; allowed: more than 0"),
        (
            "3 slots: kill-agent at 1",
            "step of kill-agent: given nothing; allowed: accept, drain, move, check, remove, result",
        ),
        (
            "3 slots: kill-agent at 1 after lunch",
            "step of kill-agent: given lunch; allowed: accept, drain, move, check, remove, result",
        ),
        ("3 slots: lose slot1 at 1 after move", "step of lose: given move; allowed: nothing"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(FaultError, match=f"^{re.escape(said)}$"):
        schedule(text)


def test_a_fault_that_has_everything_is_read() -> None:
    assert str(fault("freeze-agent at 0.5 for 1.25 after move")) == "freeze-agent at 0.50 for 1.25 after move"
