"""A founder that answers nobody and is being terminated gets a release grant: after a whole lease of silence, once."""

from __future__ import annotations

import time

import pytest

from coordination.names import release_grant_item
from coordination.release_grants import ReleaseGrant, release_grant
from coordination.timings import Timings
from tests.unit.userdata.boot.endings import failed, serves, sound
from tests.unit.userdata.boot.faults import ME, OTHER, Fault
from tests.unit.userdata.boot.world import World
from userdata.boot.end import End

LEASE_SECONDS = 1.0
"""Long beside a stall of a busy machine: whoever joins has to keep its own lease, too."""
ITEM = release_grant_item(OTHER)
SAID = f"table: put {ITEM}"


def said(world: World) -> ReleaseGrant | None:
    """What is stored."""
    item = world.table.stored(ITEM)
    return None if item is None else release_grant(item)


@pytest.fixture
def left(joiner: World) -> World:
    """A cluster whose only member hangs, and is held by its terminating hook until it is granted its release."""
    joiner.timings = Timings(renew=3600, lease=LEASE_SECONDS)
    joiner.answering = False
    joiner.others[OTHER] = "Terminating:Wait"

    def asleep() -> None:
        time.sleep(0.02)
        if said(joiner) is not None and joiner.sleeps > 60:
            joiner.gone.add(OTHER)

    joiner.while_asleep = asleep
    return joiner


def test_it_is_granted_release_once_and_when_it_is_gone_the_next_epoch_is_founded_anew(left: World) -> None:
    asked: list[float] = []
    granted_after: list[float] = []

    def note(_: int, event: str) -> Fault | None:
        if event == "etcd: answers":
            asked.append(time.monotonic())
        if event == SAID:
            granted_after.append(time.monotonic() - asked[0])
        return None

    left.fault = note
    assert left.boot() is End.SERVES
    assert said(left) == ReleaseGrant(OTHER, epoch=1, row_version=1, by=ME)
    (after,) = granted_after
    assert after >= LEASE_SECONDS
    assert left.claims == [(1, OTHER), (2, ME)]
    assert failed(left) == []
    sound(left)
    serves(left)


def test_one_that_answers_again_before_a_whole_lease_is_over_is_joined(left: World) -> None:
    # Long beside three looks, also on a machine that stalls; all looks together last longer.
    left.timings = Timings(renew=3600, lease=2)

    def asleep() -> None:
        time.sleep(0.07)
        # Silent for some looks, then not, again and again.
        left.answering = left.sleeps % 4 == 0 or left.sleeps > 40

    left.while_asleep = asleep
    # It joins only in the end: at the gate nobody answers before.
    left.fault = lambda _, event: Fault.FAILS if event == "etcd: members" and left.sleeps <= 40 else None
    assert left.boot() is End.SERVES
    assert left.sleeps > 40
    assert said(left) is None
    assert left.claims == [(1, OTHER)]
    serves(left)


@pytest.mark.parametrize(
    ("before", "written"),
    [
        (ReleaseGrant(OTHER, 1, 1, "i-third"), 0),
        (ReleaseGrant(OTHER, 1, 0, "i-third"), 1),
        (ReleaseGrant(OTHER, 0, 1, "i-third"), 1),
    ],
    ids=["of this very state", "of an earlier row version", "of an earlier epoch"],
)
def test_what_another_node_has_said_is_said_again_only_of_another_state(
    left: World, before: ReleaseGrant, written: int
) -> None:
    left.table.store(before.item())
    assert left.boot() is End.SERVES
    assert left.events.count(SAID) == written
    now = said(left)
    assert now is not None
    assert (now.epoch, now.row_version) == (1, 1)


@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.LOST])
def test_a_release_grant_that_could_not_be_stored_is_stored_by_the_next_look(left: World, fault: Fault) -> None:
    left.fault = lambda _, event: fault if event == SAID and left.events.count(SAID) <= 2 else None
    assert left.boot() is End.SERVES
    assert left.events.count(SAID) == (3 if fault is Fault.FAILS else 1)
    assert said(left) is not None
    assert failed(left) == []
    serves(left)


@pytest.mark.parametrize("state", ["Pending:Wait", "InService", "Terminating:Retained"])
def test_one_that_stays_is_granted_release_by_nobody(left: World, state: str) -> None:
    left.others[OTHER] = state

    def asleep() -> None:
        time.sleep(0.04)
        left.answering = left.sleeps > 40

    left.while_asleep = asleep
    assert left.boot() is End.SERVES
    assert SAID not in left.events
    assert left.claims == [(1, OTHER)]
