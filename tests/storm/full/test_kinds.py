"""Every kind of fault is played, or left out by declaration; and what a schedule may ask of the full world."""

from __future__ import annotations

import re

import pytest

from tests.storm.faults import FaultError, Kind, Step
from tests.storm.full import storm_node
from tests.storm.full.faults import BEGIN, NOT_PLAYED
from tests.storm.full.world import BOUNDS, bounds
from tests.storm.schedule import draw


def test_each_kind_is_played_or_left_out_with_its_reason() -> None:
    assert BEGIN.keys() | NOT_PLAYED.keys() == set(Kind)
    assert not BEGIN.keys() & NOT_PLAYED.keys()
    assert all(NOT_PLAYED.values())


def test_only_what_is_played_is_drawn() -> None:
    drawn = {each.kind for seed in range(200) for each in draw(seed, 0, BOUNDS).faults}
    assert drawn == set(BEGIN)


def test_what_is_not_played_is_refused_in_one_line() -> None:
    with pytest.raises(FaultError, match=r"^kinds: given table-errors; allowed with FULL=1: [^\n]*$"):
        bounds([Kind.TERMINATE, Kind.TABLE_ERRORS], None)
    with pytest.raises(FaultError, match=f"^{re.escape('slots: given 5; allowed with FULL=1: 3')}$"):
        bounds(None, 5)
    assert bounds([Kind.LOSE], 3).kinds == (Kind.LOSE,)


def test_agents_can_be_trapped_at_every_step() -> None:
    assert tuple(Step) == storm_node.STEPS
