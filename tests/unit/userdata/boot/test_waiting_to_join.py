"""A joiner that has begun nothing waits: what it cannot read is no failure, and the boot table is looked at again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from coordination.node_leases import LeaseName, NodeLease
from coordination.record import Phase
from coordination.timings import Timings
from tests.unit.userdata.boot.endings import failed, serves, sound
from tests.unit.userdata.boot.faults import ME, OTHER, REFUSED, Fault, peer
from tests.unit.userdata.boot.interrupted import LEFT, as_lease, joining_row, promoted
from tests.unit.userdata.boot.world import World
from userdata.boot.end import End
from userdata.host.commands import Finished
from userdata.host.etcd_disk import EtcdDisk

RECORD, MEMBERS = "table: get cluster", "etcd: members"
KUBEADM = "run: kubeadm join"
UNDER_THE_LEASE = ("joining-row", "check-gate")
"""The stages that read the record again."""


def taken_until(world: World, sleeps: int, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Another one holds the lease for so long, so that this node waits at the gate."""
    third = NodeLease(LeaseName.JOIN, "i-third", 7, 3)
    world.table.store(as_lease(third))

    def asleep() -> None:
        meanwhile()
        if world.sleeps == sleeps:
            world.table.store(as_lease(replace(third, owner="")))

    world.while_asleep = asleep


def every(count: int, wanted: Callable[[str], bool]) -> Callable[[int, str], Fault | None]:
    """Of the events that are wanted, every so-manieth fails."""
    numbers = itertools.count(1)
    return lambda index, event: Fault.FAILS if wanted(event) and next(numbers) % count == 0 else None


def test_a_record_that_cannot_be_read_now_and_then_is_no_failure_of_one_that_waits_at_the_gate(joiner: World) -> None:
    taken_until(joiner, 60)
    joiner.fault = every(3, lambda event: event == RECORD and joiner.told.stage == "gate")
    assert joiner.boot() is End.SERVES
    assert joiner.sleeps >= 60
    assert any("the record is unknown" in line for line in joiner.lines)
    assert failed(joiner) == []
    serves(joiner)


def test_a_record_that_changes_while_it_waits_at_the_gate_is_looked_at_again_and_is_no_failure(joiner: World) -> None:
    epochs = itertools.count(2)

    def changes() -> None:
        if joiner.told.stage == "gate" and joiner.sleeps < 30:
            joiner.other_founds(next(epochs))

    taken_until(joiner, 40, changes)
    assert joiner.boot() is End.SERVES
    assert next(epochs) > 5
    assert failed(joiner) == []
    assert any("looking at the boot table again: the record has changed" in line for line in joiner.lines)
    serves(joiner)


def test_a_deletion_that_begins_while_it_waits_at_the_gate_stops_it(joiner: World) -> None:
    def deleted() -> None:
        if joiner.sleeps == 5:
            assert joiner.record is not None
            joiner.table.store(replace(joiner.record, phase=Phase.DELETING).item())

    taken_until(joiner, 100, deleted)
    assert joiner.boot() is End.STOPPED
    assert failed(joiner) == []


@pytest.mark.parametrize("stage", UNDER_THE_LEASE)
def test_under_the_lease_a_record_that_cannot_be_read_for_a_moment_is_read_again(joiner: World, stage: str) -> None:
    reads = itertools.count()

    def fails(index: int, event: str) -> Fault | None:
        return Fault.FAILS if (event, joiner.told.stage) == (RECORD, stage) and next(reads) < 5 else None

    joiner.fault = fails
    assert joiner.boot() is End.SERVES
    assert joiner.sleeps == 5
    assert failed(joiner) == []
    assert joiner.events.count("table: transact lease#join operation lease#restart") == 1
    serves(joiner)


def test_under_the_lease_it_is_read_for_as_long_as_the_lease_allows_and_then_the_attempt_has_failed(
    joiner: World,
) -> None:
    joiner.timings = Timings(renew=3600, join=0.5)
    joiner.while_asleep = lambda: time.sleep(0.05)
    joiner.fault = lambda index, event: (
        Fault.FAILS if event == RECORD and joiner.told.stage in UNDER_THE_LEASE else None
    )
    assert joiner.boot() is End.FAILED
    assert failed(joiner) == ["joining-row"] * 3
    assert any("lease#join is lost: the stage took longer than it may" in line for line in joiner.lines)
    assert "Owner" not in (joiner.table.stored("lease#join") or {})
    assert KUBEADM not in joiner.events
    sound(joiner)


def test_three_failures_are_in_a_row_whatever_it_waited_for_between_them(joiner: World) -> None:
    back_at = 0

    def breaks(ended: Callable[[], bool]) -> Finished | None:
        nonlocal back_at
        joiner.start(0xE1, 9)
        joiner.answering, back_at = False, joiner.sleeps + 20
        return Finished(1, REFUSED)

    def asleep() -> None:
        joiner.answering = joiner.answering or joiner.sleeps >= back_at

    joiner.in_kubeadm, joiner.while_asleep = breaks, asleep
    joiner.fault = every(7, lambda event: event == RECORD and joiner.told.stage == "gate")
    assert joiner.boot() is End.FAILED
    assert failed(joiner) == ["kubeadm-join"] * 3
    assert joiner.sleeps >= 40
    assert joiner.events[-1] == "hook: abandon"
    sound(joiner)


def nobody_answers_at_the_gate(world: World, until_sleep: int) -> list[str]:
    """From the gate's first question on; the reasons that the node's row has meanwhile."""
    reasons: list[str] = []

    def asked(index: int, event: str) -> Fault | None:
        if event == MEMBERS and world.sleeps < until_sleep:
            world.answering = False
        return None

    def asleep() -> None:
        reasons.append(f"{world.told.stage}: {world.told.reason}")
        if world.sleeps == until_sleep:
            world.answering = True

    world.fault, world.while_asleep = asked, asleep
    return reasons


def test_where_nobody_answers_at_the_gate_the_table_names_who_has_to_come_back_and_then_it_joins(joiner: World) -> None:
    reasons = nobody_answers_at_the_gate(joiner, 20)
    assert joiner.boot() is End.SERVES
    assert reasons[0].startswith("gate: etcd's members are unknown: member list at 10.0.0.1")
    assert reasons[-1].startswith("decide: no member answers")
    condition = joiner.table.stored("condition#RestoreBlocked")
    assert condition is not None
    assert OTHER in str(condition["Reason"])
    assert joiner.claims == [(1, OTHER)]
    assert failed(joiner) == []
    serves(joiner)


def test_where_all_members_were_lost_while_it_waited_at_the_gate_it_restores(joiner: World) -> None:
    reasons = nobody_answers_at_the_gate(joiner, 200)
    joiner.gone.add(OTHER)
    assert joiner.boot() is End.SERVES
    assert reasons[0].startswith("gate: etcd's members are unknown")
    assert joiner.claims == [(1, OTHER), (2, ME)]
    assert KUBEADM not in joiner.events
    assert failed(joiner) == []
    sound(joiner)
    serves(joiner)


def test_the_gates_line_says_that_it_was_left_and_not_that_it_has_failed(joiner: World) -> None:
    nobody_answers_at_the_gate(joiner, 20)
    joiner.boot()
    lines = [line for line in joiner.lines if '"gate"' in line]
    assert '"outcome": "waiting"' in lines[0]
    assert '"outcome": "done"' in lines[1]
    assert "looking at the boot table again: etcd's members are unknown" in lines[1]


UNREAD: dict[str, Callable[[str], bool]] = {
    "etcd has no majority, or nobody answers": lambda event: event.startswith(MEMBERS),
    "the keys cannot be read": lambda event: event == "keys: read 1",
    "the rows cannot be read": lambda event: event == "table: items member#",
    "the record cannot be read": lambda event: event == RECORD,
}


@pytest.mark.parametrize("count", [1, 2], ids=["always", "every other time"])
@pytest.mark.parametrize("unread", UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_a_join_that_was_interrupted_goes_on_once_all_can_be_read_again_however_long_that_takes(
    joiner: World, left: Callable[[World], None], unread: Callable[[str], bool], count: int
) -> None:
    joining_row(joiner)
    left(joiner)
    joiner.etcd = None
    joiner.fault = every(count, lambda event: joiner.sleeps < 60 and unread(event))
    assert joiner.boot() is End.SERVES
    assert failed(joiner) == []
    assert [(each.name, each.is_learner) for each in joiner.members] == [(OTHER, False), (ME, False)]
    # It sleeps before it looks again, wherever it was.
    assert joiner.events.count(RECORD) <= 2 * joiner.sleeps + 10
    sound(joiner)
    serves(joiner)


def test_after_a_reboot_of_all_a_voter_goes_on_as_soon_as_one_other_member_answers_without_a_majority(
    joiner: World,
) -> None:
    joining_row(joiner)
    promoted(joiner)
    joiner.etcd = None
    joiner.answering = False

    def asleep() -> None:
        assert joiner.etcd is None
        joiner.answering = joiner.sleeps >= 60

    joiner.while_asleep = asleep
    joiner.fault = lambda index, event: Fault.FAILS if event == MEMBERS and joiner.etcd is None else None
    assert joiner.boot() is End.SERVES
    assert joiner.sleeps == 60
    # The table says no more than that it is to go on, so it stays at the gate, and tells once what it waits for.
    assert len([line for line in joiner.lines if '"decide"' in line]) == 1
    assert len([line for line in joiner.lines if "etcd's members are unknown" in line]) == 1
    assert failed(joiner) == []
    serves(joiner)


def test_an_operation_of_a_kind_that_this_release_does_not_know_is_waited_for_and_named(joiner: World) -> None:
    unknown = {"Kind": "upgrade", "TargetInstance": OTHER, "TargetMemberId": "1", "Epoch": 1, "State": "requested"}
    joiner.table.store({"Id": "operation", "OperationId": "op-1", "RequestedAt": 1_800_000_000, **unknown})

    def asleep() -> None:
        assert KUBEADM not in joiner.events
        if joiner.sleeps == 5:
            joiner.table.remove("operation")

    joiner.while_asleep = asleep
    assert joiner.boot() is End.SERVES
    said = [
        line for line in joiner.lines if "item operation: Kind is 'upgrade', allowed: remove, clean-learner" in line
    ]
    assert len(said) == 1
    assert joiner.sleeps >= 5
    serves(joiner)


def test_a_gate_that_closes_again_and_again_right_before_kubeadm_is_no_failure(joiner: World) -> None:
    third = peer(7, "i-third", "10.0.0.7", learner=True)

    def comes(index: int, event: str) -> Fault | None:
        if event == "table: transact cluster lease#join member#i-me" and joiner.sleeps < 30:
            joiner.members.append(third)
        return None

    def asleep() -> None:
        assert KUBEADM not in joiner.events
        if third in joiner.members:
            joiner.members.remove(third)

    joiner.fault, joiner.while_asleep = comes, asleep
    assert joiner.boot() is End.SERVES
    assert joiner.events.count("table: transact cluster lease#join member#i-me") > 3
    assert failed(joiner) == []
    sound(joiner)
    serves(joiner)


def test_a_member_at_the_gate_starts_what_it_has_once_the_record_cannot_be_read_any_more(joiner: World) -> None:
    joining_row(joiner)
    promoted(joiner)
    EtcdDisk(joiner.root).mark()
    joiner.etcd, joiner.answering = None, False

    def asleep() -> None:
        if joiner.sleeps == 30:
            assert "machine: start kubelet" in joiner.events
            joiner.answering = True

    def fails(index: int, event: str) -> Fault | None:
        return Fault.FAILS if event == RECORD and 10 <= joiner.sleeps < 30 else None

    joiner.while_asleep, joiner.fault = asleep, fails
    assert joiner.boot() is End.SERVES
    assert failed(joiner) == []
    serves(joiner)
