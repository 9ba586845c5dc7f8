"""A short storm in the light world: it founds a cluster, and what is thrown at it changes nothing that must hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storm import report
from tests.storm.light.world import LightWorld
from tests.storm.rounds import Times, play
from tests.storm.schedule import schedule

ROUNDS = (
    "3 slots anew: freeze-etcd leader at 0.00 for 0.60; table-errors at 0.10 for 0.80; forged-delete at 0.30",
    "3 slots: partition slot1 at 0.00 for 0.80; kill-etcd slot2 at 0.90; function-twice at 0.10 for 0.50",
    "3 slots: no-api leader at 0.00 for 1.00; kill-function at 0.37; no-aws slot0 at 0.10 for 0.50",
    "3 slots: terminate slot2 at 0.00; kill-agent at 0.00 after accept; kill-function at 0.17",
)
# The machine may have other things to do.
TIMES = Times(settle_seconds=180.0, steady_seconds=0.5, waiting_seconds=60.0)


@pytest.mark.slow
@pytest.mark.usefixtures("porcupine")
def test_a_short_storm_finds_nothing(tmp_path: Path) -> None:
    world = LightWorld(tmp_path / "world")
    try:
        for number, text in enumerate(ROUNDS):
            played = play(world, schedule(text), tmp_path, TIMES, found=number == 0)
            assert played.verdict.found == (), f"{report.line(number, played)}\n{report.trace(played)}"
            assert all(played.hits.values())
            assert played.calls > 0
    finally:
        world.close()
