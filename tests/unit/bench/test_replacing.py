"""Figures of replacements from moments that are made by hand: bounds, gaps, and what of a boot is kubeadm's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.figure import Figure
from tests.bench.replacing import ALL_FIGURES, Measured, figures, joined, longest
from tests.bench.spread import Spread

WHOLE = Measured(
    by_hand_gap=[0.1, 0.2, 0.3],
    by_hand_leaving_gap=[0.1],
    member_remove=[0.05],
    planned_gap=[0.4, 0.6, 5.0],
    planned_leaving_gap=[0.2],
    planned_api_gap=[9.0],
    allowed_to_completed=[60.0],
    lost_gap=[1.5],
    lost_api_gap=[9.0],
    terminated_to_voter=[50.0],
    terminated_to_voter_by_hand=[40.0],
)


def found(measured: Measured) -> dict[str, Figure]:
    return {each.name: each for each in figures(measured, warm_call_seconds=1.0)}


def test_each_figure_stands_beside_its_bound() -> None:
    bounds = {name: each.bound for name, each in found(WHOLE).items() if each.bound is not None}
    assert len(found(WHOLE)) == ALL_FIGURES
    assert bounds == pytest.approx(
        {
            "leader replaced: gap of etcd's client": 0.6,
            "its member leaves: gap of etcd's client": 1.0,
            "removal allowed to hook completed": 62.5,
            "leader lost: gap of etcd's client": 2.5,
            "terminated to a healthy voter": 50.0,
        }
    )


def test_the_median_counts_and_every_repetition_is_shown() -> None:
    figure = found(WHOLE)["leader replaced: gap of etcd's client"]
    assert figure.spread.median == 0.6
    assert figure.is_within
    assert "[0.40 0.60 5.00]" in str(figure)


def test_a_median_beyond_its_bound_is_told() -> None:
    figure = found(Measured(lost_gap=[2.4, 2.6, 2.7]))["leader lost: gap of etcd's client"]
    assert not figure.is_within
    assert "OUT OF BOUNDS" in str(figure)
    assert figure.as_json()["within"] is False


def test_what_has_no_measure_by_hand_is_within_no_bound() -> None:
    assert not found(Measured(planned_gap=[0.1]))["leader replaced: gap of etcd's client"].is_within


def test_what_was_not_measured_is_no_figure() -> None:
    assert found(Measured()) == {}
    assert found(Measured(lost_gap=[1.0])).keys() == {"leader lost: gap of etcd's client"}


def test_a_client_that_writes_nothing_has_one_gap() -> None:
    assert longest([1.0, 1.5, 4.5, 5.0], 1.0, 5.0) == 3.0
    assert longest([], 1.0, 5.0) == 4.0


def line(stage: str, at: float, seconds: float, outcome: str = "done") -> dict[str, Any]:
    return {"stage": stage, "at": at, "seconds": seconds, "outcome": outcome}


def test_by_hand_are_the_start_of_the_machine_and_kubeadm() -> None:
    lines = [
        line("identity", 106.0, 1.0),
        line("gate", 120.0, 14.0),
        line("kubeadm-join", 121.0, 1.0, "waiting"),
        line("kubeadm-join", 135.0, 12.0),
        line("voter-row", 137.0, 1.0),
    ]
    assert joined(lines, terminated=100.0) == (37.0, 5.0 + 12.0)


def test_nothing_measured_has_no_median() -> None:
    assert not Spread([]).median <= 1
