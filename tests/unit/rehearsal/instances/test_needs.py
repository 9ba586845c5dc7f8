"""What is said of this computer's disk before a rehearsal begins: one line, with what is free, needed, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.machines.needs import disk_problem

GIB = 1024**3
RUNS = Path("/runs")


@pytest.mark.parametrize(("free_gib", "total_gib"), [(9.0, 20.0), (44.0, 250.0)])
def test_enough_is_what_a_rehearsal_takes_above_the_share_at_which_kubelets_evict(
    free_gib: float, total_gib: float
) -> None:
    assert disk_problem(RUNS, int(free_gib * GIB), int(total_gib * GIB)) == ""


def test_too_little_is_one_line_with_what_is_free_and_needed_and_why() -> None:
    assert disk_problem(RUNS, int(30.26 * GIB), 252 * GIB) == (
        "30.3 GiB of disk are free at /runs; needed: 43.8 GiB: kubelets evict pods below 15% of the disk (37.8 GiB), "
        "and a rehearsal takes 6 GiB"
    )
    assert disk_problem(RUNS, int(5.9 * GIB), 1)
