"""A lease of restarts whose holder died is released, so that the function may ask for a removal."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.outcomes import Known
from coordination.termination import TERMINATED
from coordination.timings import Timings
from coordination.writes import as_item
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent.still_leases import StillLease
from userdata.logs.lines import StageFailed

LEASE = "lease#restart"


class World:
    """The lease, as `i-3` holds it, and a leader that watches it."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.now = 0.0
        self.renew(1)
        self.task = StillLease(self.table, LeaseName.RESTART, Timings(lease=60.0, renew=15.0), lambda: self.now)

    def renew(self, counter: int, owner: str | None = "i-3") -> None:
        fields = {"Owner": owner, "Counter": counter, "Fence": 4}
        self.table.store(as_item(LEASE, fields))

    def look(self, at: float) -> str:
        self.now = at
        return self.task.run()

    @property
    def stored(self) -> NodeLease:
        item = self.table.stored(LEASE)
        assert item is not None
        return node_lease(item)


@pytest.fixture
def world() -> World:
    return World()


def test_a_lease_that_stood_still_for_as_long_as_it_lasts_is_released_and_keeps_its_fence(world: World) -> None:
    assert [world.look(at) for at in (0.0, 59.0)] == ["", ""]
    assert world.stored.owner == "i-3"
    assert world.look(60.0) == "released lease#restart, for i-3 does not renew it"
    assert world.stored == NodeLease(LeaseName.RESTART, "", 1, 4)


def test_a_lease_of_a_terminated_holder_is_released_at_the_second_look(world: World) -> None:
    def terminated(names: Collection[str]) -> Known[Mapping[str, str | None]]:
        return Known(dict.fromkeys(names, TERMINATED))

    timings = Timings(lease=60.0, renew=15.0)
    world.task = StillLease(world.table, LeaseName.RESTART, timings, lambda: world.now, terminated)
    assert world.look(0.0) == ""
    assert world.look(15.0) == "released lease#restart, for i-3 does not renew it"


def test_a_lease_that_is_renewed_stays(world: World) -> None:
    for counter, at in enumerate((0.0, 50.0, 100.0, 150.0), 2):
        world.renew(counter)
        assert world.look(at) == ""
    assert world.stored.owner == "i-3"


def test_a_holder_that_moves_at_the_last_moment_keeps_it(world: World) -> None:
    world.look(0.0)

    def renewed(call: str) -> Fate:
        if call.startswith("apply"):
            world.renew(2)
        return Fate.ANSWERED

    world.table.fate = renewed
    assert world.look(61.0) == ""
    assert (world.stored.owner, world.stored.counter) == ("i-3", 2)


def test_one_that_was_released_in_between_is_watched_anew(world: World) -> None:
    world.look(0.0)
    world.renew(1, None)
    assert world.look(30.0) == ""
    world.renew(1)
    assert [world.look(at) for at in (61.0, 120.0)] == ["", ""]
    assert world.look(121.0) != ""


def test_without_a_lease_there_is_nothing_to_do(world: World) -> None:
    world.table.remove(LEASE)
    assert [world.look(at) for at in (0.0, 99.0)] == ["", ""]


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.LOST])
@pytest.mark.parametrize("call", ["get", "apply"])
def test_what_is_unknown_is_told_and_tried_again(world: World, call: str, fate: Fate) -> None:
    world.look(0.0)
    world.table.fate = lambda asked: fate if asked.startswith(call) else Fate.ANSWERED
    with pytest.raises(StageFailed):
        world.look(70.0)
    world.table.fate = lambda _: Fate.ANSWERED
    world.look(140.0)
    assert world.stored.owner == ""
