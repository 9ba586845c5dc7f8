"""What a run prints: a line for each step, and figures of all."""

from __future__ import annotations

import json

import pytest

from rehearsal.scenarios import summary
from rehearsal.scenarios.gaps import Gap
from rehearsal.scenarios.timeline import Episode, Span, Timeline
from rehearsal.scenarios.writes import Writes, WritesLost, check

RUN = Timeline(
    about="what happens",
    slots=3,
    looks=(),
    end=300.0,
    episodes=(
        Episode("deploy", 0.0, 100.0, (), ("i-0", "i-1", "i-2"), None),
        Episode("terminate slot 0", 101.0, 171.25, ("i-0",), ("i-3",), Gap(110.0, 110.5)),
        Episode("terminate slot 1", 172.0, 262.0, ("i-1",), ("i-4",), Gap(180.0, 182.25)),
        Episode("wait until whole", 262.0, 263.0, (), (), Gap(262.0, 262.1)),
    ),
    writing=Span("1234 writes acknowledged, 3 tries failed", 100.0, 263.0),
    gaps=(Gap(110.0, 110.5), Gap(180.0, 182.25)),
    notes={"seed": "7"},
)


def test_the_table_has_a_line_for_each_step_and_counts_replacements_alone() -> None:
    lines = [line.split("  ") for line in summary.lines(RUN)]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[1:5] == [
        ["deploy", "100.0", "-", "-", "i-0 i-1 i-2"],
        ["terminate slot 0", "70.2", "0.50", "i-0", "i-3"],
        ["terminate slot 1", "90.0", "2.25", "i-1", "i-4"],
        ["wait until whole", "1.0", "0.10", "-", "-"],
    ]
    assert summary.lines(RUN)[5:] == [
        "2 replacements: median 80.1 s, longest 90.0 s",
        "1234 writes acknowledged, 3 tries failed; largest gap 2.25 s",
        "seed: 7",
    ]


def test_machines_get_the_same_as_numbers() -> None:
    found = json.loads(json.dumps(summary.as_json(RUN)))
    assert found["steps"][2] == {
        "step": "terminate slot 1",
        "at": 172.0,
        "seconds": 90.0,
        "gap_seconds": 2.25,
        "gap_at": 180.0,
        "gone": ["i-1"],
        "came": ["i-4"],
    }
    assert found["notes"] == {"seed": "7"}


def test_a_run_that_failed_before_anything_happened_has_a_summary_too() -> None:
    assert len(summary.lines(Timeline("", 3, (), 1.0))) == 1


def test_writes_that_are_all_there_are_no_loss_and_more_than_were_acknowledged_may_be() -> None:
    check(Writes({0: 1.0, 1: 2.0}, 0), {0, 1, 2})


@pytest.mark.parametrize(
    ("acknowledged", "found", "line"),
    [
        (range(3), {0, 2}, "1 of 3 acknowledged writes are not there: 1"),
        (range(30), set(), "30 of 30 acknowledged writes are not there: 0, 1, "),
        ((), {0}, "the API has acknowledged no write at all"),
    ],
)
def test_a_write_that_is_missing_is_named(acknowledged: range, found: set[int], line: str) -> None:
    with pytest.raises(WritesLost) as caught:
        check(Writes(dict.fromkeys(acknowledged, 0.0), 0), found)
    assert str(caught.value).startswith(line)
