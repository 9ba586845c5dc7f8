"""A leader that sees no majority of etcd makes way for one that does."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from coordination.members import MemberState
from coordination.outcomes import Known, Unknown
from tests.unit.userdata.agent.looks import THREE, listed, row
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent.sight import LOOKS, Sight
from userdata.etcd.client import Etcd
from userdata.etcd.refusals import EtcdRefused, Refusal
from userdata.logs.lines import StageFailed


class World:
    """Three members, of which those in `seeing` answer with a majority behind them; `i-1` leads the agents."""

    def __init__(self) -> None:
        self.seeing = {2, 3}
        self.asked: list[int] = []
        self.aside = 0
        self.table = MemoryTable(*(row(number).item() for number in (1, 2, 3)))
        self.sight = Sight("i-1", 2, self.table, self.member(1), self._at, self)

    def member(self, number: int) -> Etcd:
        world = self

        class Member:
            def members(self) -> object:
                world.asked.append(number)
                return Known(listed(*THREE)) if number in world.seeing else Unknown("no answer")

        return cast(Etcd, Member())

    def _at(self, address: str) -> Etcd:
        return self.member(int(address.rpartition(".")[2]))

    def stand_aside(self) -> None:
        self.aside += 1

    def looks(self, count: int) -> list[str]:
        return [self.sight.run() for _ in range(count)]


@pytest.fixture
def world() -> World:
    return World()


def test_after_some_looks_without_an_answer_it_makes_way_for_a_member_that_sees_more(world: World) -> None:
    assert world.looks(LOOKS) == ["", "", "stands aside: etcd here sees no majority, and that of i-2 does"]
    assert world.aside == 1
    # Should it lead again, it looks anew.
    assert world.looks(LOOKS - 1) == ["", ""]


def test_a_leader_that_sees_a_majority_asks_nobody_else(world: World) -> None:
    world.seeing = {1, 2, 3}
    world.looks(10)
    assert (world.aside, set(world.asked)) == (0, {1})


def test_an_answer_in_between_begins_the_count_anew(world: World) -> None:
    world.looks(LOOKS - 1)
    world.seeing.add(1)
    world.looks(1)
    world.seeing.discard(1)
    world.looks(LOOKS - 1)
    assert world.aside == 0


def test_where_nobody_sees_more_it_stays(world: World) -> None:
    world.seeing = set()
    assert (set(world.looks(10)), world.aside) == ({""}, 0)


@pytest.mark.parametrize(
    "changes", [{"state": MemberState.REMOVED}, {"state": MemberState.JOINING}, {"epoch": 1}, {"address": ""}]
)
def test_only_voters_of_its_epoch_count(world: World, changes: dict[str, object]) -> None:
    for number in (2, 3):
        world.table.remove(f"member#i-{number}")
        world.table.store(replace(row(number), **changes).item())  # type: ignore[arg-type]
    world.looks(10)
    assert world.aside == 0


def test_a_leader_of_an_epoch_before_makes_way_for_the_next_one(world: World) -> None:
    for number in (2, 3):
        world.table.store(replace(row(number), epoch=3).item())
    world.looks(LOOKS)
    assert world.aside == 1


def test_rows_that_cannot_be_read_are_told(world: World) -> None:
    world.looks(LOOKS - 1)
    world.table.fate = lambda _: Fate.FAILED
    with pytest.raises(StageFailed):
        world.looks(1)
    world.table.fate = lambda _: Fate.ANSWERED
    world.looks(1)
    assert world.aside == 1


def test_what_etcd_refuses_is_no_sight(world: World) -> None:
    member = world.member(1)
    member.members = lambda: EtcdRefused(Refusal.ASKED_A_LEARNER)  # type: ignore[method-assign]
    world.sight = Sight("i-1", 2, world.table, member, world._at, world)
    world.looks(LOOKS)
    assert world.aside == 1
