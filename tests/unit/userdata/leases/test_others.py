"""A lease that excludes others is taken in one transaction with the checks of them, as they were watched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordination.exclusion import LEASES, NEEDS, Activity
from coordination.names import OPERATION_ITEM, lease_item
from coordination.node_leases import LeaseName, NodeLease
from coordination.operations import DOUBT_SECONDS, Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Item, Known
from coordination.termination import TERMINATED, States
from coordination.writes import as_item
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.leases.keeper import Busy, Contender
from userdata.leases.others import Others

LEASE, NOW = 60.0, 1_800_000_000
ASKED = Operation("op-1", OperationKind.REMOVE, "i-1", "10", 3, OperationState.ACCEPTED, NOW)
WITHDRAWN = replace(ASKED, outcome=OperationOutcome.WITHDRAWN, ended_at=NOW)
PAIRS = [(begins, other) for begins in LEASES for other in NEEDS[begins]]
OF_LEASES = [(begins, other) for begins, other in PAIRS if other in LEASES]


def held(name: LeaseName, counter: int = 5, owner: str | None = "i-3") -> Item:
    return as_item(lease_item(name), {"Owner": owner, "Counter": counter, "Fence": 2})


class World:
    """One who wants to begin, and what stands in the table."""

    def __init__(self, begins: Activity, states: States | None = None) -> None:
        self.table, self.now = MemoryTable(), 0.0
        others = Others(self.table, begins, LEASE, lambda: self.now, lambda: NOW + self.now, states)
        self.contender = Contender(self.table, LEASES[begins], "i-me", LEASE, lambda: self.now, others)

    def goes_on(self, other: Activity) -> None:
        self.table.store(held(LEASES[other]) if other in LEASES else ASKED.item())

    def tries(self) -> str:
        """What it waits for; empty where it has begun."""
        tried = self.contender.try_once()
        return tried.reason if isinstance(tried, Busy) else ""


@pytest.mark.parametrize(("begins", "other"), OF_LEASES)
def test_nobody_waits_for_a_terminated_holder(begins: Activity, other: Activity) -> None:
    world = World(begins, lambda names: Known(dict.fromkeys(names, TERMINATED)))
    world.goes_on(other)
    assert world.tries() != ""
    world.now += 1
    assert world.tries() == ""


@pytest.mark.parametrize(("begins", "other"), PAIRS)
def test_it_waits_for_what_goes_on_and_begins_once_that_has_ended(begins: Activity, other: Activity) -> None:
    world = World(begins)
    world.goes_on(other)
    assert world.tries() != ""
    if other in LEASES:
        world.table.store(held(LEASES[other], owner=None))
    else:
        world.table.remove(OPERATION_ITEM)
    assert world.tries() == ""


@pytest.mark.parametrize(("begins", "other"), PAIRS)
def test_what_begins_between_its_look_and_its_write_refuses_it(begins: Activity, other: Activity) -> None:
    world = World(begins)

    def meanwhile(call: str) -> Fate:
        if call.startswith("transact"):
            world.goes_on(other)
        return Fate.ANSWERED

    world.table.fate = meanwhile
    assert "is not as it has to be" in world.tries()
    assert world.table.stored(lease_item(LEASES[begins])) is None


@pytest.mark.parametrize(("begins", "other"), OF_LEASES)
def test_a_holder_that_stood_still_for_a_whole_lease_holds_nobody_up(begins: Activity, other: Activity) -> None:
    world = World(begins)
    world.goes_on(other)
    for moment in (0.0, LEASE - 1):
        world.now = moment
        assert world.tries() == f"i-3 holds {lease_item(LEASES[other])}"
    world.now = LEASE
    assert world.tries() == ""


@pytest.mark.parametrize(("begins", "other"), OF_LEASES)
def test_a_holder_that_wakes_between_the_look_and_the_write_keeps_it_out(begins: Activity, other: Activity) -> None:
    world = World(begins)
    world.goes_on(other)
    world.tries()
    world.now = LEASE

    def renewed(call: str) -> Fate:
        if call.startswith("transact"):
            world.table.store(held(LEASES[other], counter=6))
        return Fate.ANSWERED

    world.table.fate = renewed
    assert "is not as it has to be" in world.tries()


@pytest.mark.parametrize(("begins", "other"), OF_LEASES)
def test_what_was_watched_before_a_release_does_not_count_against_the_next_holder(
    begins: Activity, other: Activity
) -> None:
    world = World(begins)
    world.goes_on(other)
    world.tries()
    # Its own lease is another's meanwhile, so it only looks.
    own = lease_item(LEASES[begins])
    world.table.store(as_item(own, {"Owner": "i-4", "Counter": 1, "Fence": 1}))
    world.table.store(held(LEASES[other], owner=None))
    world.now = 30.0
    assert world.tries() == f"i-4 holds {own}"
    world.table.store(as_item(own, {"Counter": 1, "Fence": 1}))
    world.goes_on(other)
    world.now = LEASE
    assert world.tries() != ""


@pytest.mark.parametrize(("begins", "other"), PAIRS)
def test_what_cannot_be_read_or_understood_is_waited_for(begins: Activity, other: Activity) -> None:
    world = World(begins)
    item = lease_item(LEASES[other]) if other in LEASES else OPERATION_ITEM
    world.table.fate = lambda call: Fate.FAILED if call == f"get {item}" else Fate.ANSWERED
    assert " is unknown: " in world.tries()
    world.table.fate = lambda _: Fate.ANSWERED
    world.table.store({"Id": item, "Owner": 7, "Kind": "merge"})
    assert " is unknown: " in world.tries()


def test_a_restart_waits_for_the_minute_after_a_withdrawal_and_not_for_the_deletion_of_the_item() -> None:
    world = World(Activity.RESTART)
    world.table.store(WITHDRAWN.item())
    world.now = DOUBT_SECONDS - 1
    assert world.tries().startswith("etcd's members are being changed")
    world.now = DOUBT_SECONDS
    assert world.tries() == ""


def test_a_joiner_waits_until_an_operation_that_has_ended_is_deleted() -> None:
    world = World(Activity.JOIN)
    world.table.store(WITHDRAWN.item())
    world.now = 10 * DOUBT_SECONDS
    assert world.tries() == "operation has ended, and stands there still"


def test_another_operation_in_the_place_of_one_that_had_ended_refuses_a_restart() -> None:
    world = World(Activity.RESTART)
    world.table.store(WITHDRAWN.item())
    world.now = DOUBT_SECONDS

    def asked(call: str) -> Fate:
        if call.startswith("transact"):
            world.table.store(replace(ASKED, operation_id="op-2").item())
        return Fate.ANSWERED

    world.table.fate = asked
    assert "is not as it has to be" in world.tries()


def test_a_lease_that_excludes_nobody_is_taken_alone() -> None:
    table = MemoryTable()
    taken = Contender(table, LeaseName.AGENT, "i-me", LEASE).try_once()
    assert taken == NodeLease(LeaseName.AGENT, "i-me", 1, 1)
    assert table.calls[-1] == "apply lease#agent"
