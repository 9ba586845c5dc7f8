"""The storm finds what it is for: each invariant is broken by a wrong rule, and a write that is lost by a wrong client.

Each test plays one schedule in a light world of its own, whose programs have one wrong rule.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storm import clients, report
from tests.storm.clients import Register
from tests.storm.history import Call, Operation, Outcome
from tests.storm.invariants import Invariant
from tests.storm.light.breaks import BREAKS
from tests.storm.light.world import LightWorld
from tests.storm.rounds import Round, Times, play
from tests.storm.schedule import schedule

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("porcupine")]

SHORT, LONG = Times(settle_seconds=20.0), Times(settle_seconds=180.0)
"""For what is not to settle, and for what is, on a computer that may have other things to do."""
WRONG: dict[str, tuple[str, Invariant]] = {
    "founds-beside-the-cluster": ("terminate slot1 at 0.2", Invariant.ONE_CLUSTER),
    "removes-whoever-stays": (
        "boot-fails slot1 at 0.1; freeze-etcd slot2 at 0.2 for 25; terminate slot1 at 0.3",
        Invariant.QUORUM_STAYS,
    ),
    "walks-down": (
        "boot-fails slot0 at 0.0; boot-fails slot1 at 0.0; terminate slot0 at 0.2; terminate slot1 at 0.2",
        Invariant.MAJORITY_OF_SLOTS,
    ),
    "opens-the-gate": (
        "function-away at 0.0 for 18; terminate slot0 at 0.2; terminate slot1 at 0.3",
        Invariant.MEMBERS,
    ),
    "completes-hooks-of-members": ("terminate slot1 at 0.2", Invariant.HOOKS),
    "keeps-operations": ("terminate slot1 at 0.2", Invariant.SETTLED),
}


def played(folder: Path, faults: str, wrong: str = "", times: Times = SHORT) -> Round:
    world = LightWorld(folder / "world", [wrong] if wrong else [])
    try:
        return play(world, schedule(f"3 slots anew: {faults}"), folder, times, found=True)
    finally:
        world.close()


def test_every_wrong_rule_is_tried_and_every_invariant_but_that_of_histories_is_broken() -> None:
    assert set(WRONG) == set(BREAKS)
    assert {invariant for _, invariant in WRONG.values()} == set(Invariant) - {Invariant.LINEARIZABLE}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_found(tmp_path: Path, name: str) -> None:
    faults, invariant = WRONG[name]
    round = played(tmp_path, faults, name)
    assert invariant in round.verdict.broken, report.trace(round)


def test_an_acknowledged_write_that_is_dropped_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, count = Register.write, [0]

    def dropping(self: Register, client: int, address: str, key: str, value: str) -> Call:
        count[0] += 1
        if count[0] % 3:
            return write(self, client, address, key, value)
        call = self._recorder.begin(client, Operation.WRITE, key, value)
        return self._recorder.end(call, Outcome.OK)

    monkeypatch.setattr(clients.Register, "write", dropping)
    assert Invariant.LINEARIZABLE in played(tmp_path, "kill-etcd slot1 at 2.0").verdict.broken


def test_nothing_is_found_where_every_rule_is_right(tmp_path: Path) -> None:
    assert played(tmp_path, "terminate slot1 at 0.2", times=LONG).verdict.found == ()
