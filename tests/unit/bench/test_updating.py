"""Figures of updates from moments that are made by hand: the bound is of the parts, and only whole runs are good."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench import __main__ as bench
from tests.bench.figure import Figure
from tests.bench.updating import ALL_FIGURES, Measured, figures, signalled

WHOLE = Measured(coming=[20.0, 30.0, 100.0], leaving=[10.0], slot=[36.0], gap=[2.0])


def found(measured: Measured) -> dict[str, Figure]:
    return {each.name: each for each in figures(measured)}


def test_a_slot_stands_beside_its_parts_and_says_how_many_times_they_are() -> None:
    figure = found(WHOLE)["an update, for each slot"]
    assert len(found(WHOLE)) == ALL_FIGURES
    assert figure.bound == pytest.approx(50.0)
    assert figure.is_within
    assert figure.bound_is == "1.25 times its parts; it is 0.90 times"
    assert [each.name for each in figures(WHOLE) if each.bound is not None] == [figure.name]


@pytest.mark.parametrize("changed", [{"slot": [51.0]}, {"coming": []}, {"leaving": []}])
def test_a_slot_that_takes_longer_or_has_no_parts_is_out_of_bounds(changed: dict[str, list[float]]) -> None:
    measured = Measured(**{**vars(WHOLE), **changed})
    assert not found(measured)["an update, for each slot"].is_within
    assert bench._code(figures(measured), ALL_FIGURES) == 1


def test_a_run_is_good_with_every_figure_within_its_bound() -> None:
    assert bench._code(figures(WHOLE), ALL_FIGURES) == 0
    assert bench._code(figures(Measured(coming=[1.0], leaving=[1.0], slot=[1.0])), ALL_FIGURES) == 1


def test_a_boot_has_signalled_with_the_end_of_that_stage() -> None:
    def line(stage: str, outcome: str, at: float) -> dict[str, Any]:
        return {"stage": stage, "outcome": outcome, "at": at}

    lines = [line("launch-hook", "done", 1.0), line("signal", "waiting", 2.0), line("signal", "done", 5.5)]
    assert signalled([*lines, line("boot", "done", 6.0)]) == 5.5
