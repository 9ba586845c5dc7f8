"""Joining as a control plane from beginning to end, with a fault at every step, and what follows a membership."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coordination.members import Member, MemberState
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.record import Phase
from coordination.timings import Timings
from tests.unit.userdata.boot.endings import at, serves, sound
from tests.unit.userdata.boot.faults import ANCHORS, ME, MY_ADDRESS, OTHER, REFUSED, Fault, peer
from tests.unit.userdata.boot.interrupted import LEFT, as_lease, joining_row, learner
from tests.unit.userdata.boot.world import World
from tests.waiting import wait_for
from userdata.boot.end import End
from userdata.host import files
from userdata.host.commands import Finished
from userdata.host.etcd_disk import ClusterNode, DataOwner, EtcdDisk
from userdata.pki import placing

_LOOK = ("table: get cluster", "table: get member#i-me", "keys: read 1", "table: items member#")
_GATE = (
    *("table: get cluster", "table: items member#", "etcd: members", "etcd: silent"),
    *("table: get operation", "table: get timer#JoinersWait/slot-2"),
)
EVENTS = (
    *(*_LOOK, "etcd: introduce", "etcd: answers", "etcd: introduce"),
    *(*_GATE, "api: endpoint", "table: get operation", "table: get lease#restart", "table: get lease#join"),
    "table: transact lease#join operation lease#restart",
    *("table: get cluster", "table: get member#i-me", "table: transact cluster lease#join member#i-me"),
    *(*_GATE, "run: kubeadm join"),
    *("etcd: status", "table: apply member#i-me", "table: apply lease#join"),
    *("machine: start kubelet", "api: own", "hook: complete", "stack: signal"),
    "machine: start holdfast-agent.service",
    "table: get boot-failures#2",
)
"""All that a joiner does, in this order."""
KUBEADM = EVENTS.index("run: kubeadm join")
LEASE_ITEM = "lease#join"


def lease(world: World) -> NodeLease:
    item = world.table.stored(LEASE_ITEM)
    assert item is not None
    return node_lease(item)


def test_a_joiner_does_everything_once_and_in_this_order(joiner: World) -> None:
    assert joiner.boot() is End.SERVES
    assert tuple(joiner.events) == EVENTS
    sound(joiner)
    serves(joiner)
    assert joiner.row is not None
    assert (joiner.row.slot, joiner.row.address, joiner.row.etcd_member_id) == ("2", MY_ADDRESS, "9")
    assert lease(joiner) == NodeLease(LeaseName.JOIN, "", 1, 1)


@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.LOST, Fault.CRASH])
@pytest.mark.parametrize("number", range(len(EVENTS)))
def test_whatever_fails_once_is_lost_or_ends_in_a_crash_the_node_joins(
    joiner: World, number: int, fault: Fault
) -> None:
    # A single look at which nobody answers could be a total loss, and is looked into: nothing is claimed.
    joiner.fault = at(number, fault)
    assert joiner.boots() is End.SERVES
    sound(joiner)
    if (EVENTS[number], fault) == ("table: apply member#i-me", Fault.FAILS):
        agents_keep_rows_true(joiner)
    serves_or_left_its_lease(joiner)
    assert joiner.claims == [(1, OTHER)]
    assert [each.name for each in joiner.members] == [OTHER, ME]


def agents_keep_rows_true(world: World) -> None:
    """The row still says joining, though etcd has promoted the member."""
    assert world.row is not None
    assert world.row.state is MemberState.JOINING
    world.table.store(replace(world.row, state=MemberState.VOTER).item())


def serves_or_left_its_lease(world: World) -> None:
    """A voter that goes on after a crash takes no lease: what it held is left to be seen standing still."""
    held = lease(world)
    if held.owner == ME:
        assert any("its etcd data is of epoch 1, which is ready" in line for line in world.lines)
        world.table.store(as_lease(replace(held, owner="")))
    serves(world)


@pytest.mark.parametrize("number", range(KUBEADM + 1))
def test_an_epoch_that_ends_before_this_node_was_added_leaves_no_member_of_it(joiner: World, number: int) -> None:
    def ends(index: int, event: str) -> Fault | None:
        if index == number:
            now = joiner.record
            assert now is not None
            gone = replace(now, phase=Phase.DELETING)
            joiner.table.store(gone.item())
        return None

    joiner.fault = ends
    joiner.in_kubeadm = lambda ended: Finished(1, REFUSED)
    assert joiner.boots() is End.STOPPED
    assert [each.name for each in joiner.members] == [OTHER]
    assert not any("hook" in event for event in joiner.events)
    held = joiner.table.stored(LEASE_ITEM)
    assert held is None or "Owner" not in held


@pytest.mark.parametrize("number", [None, *range(16)])
@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_a_join_that_was_interrupted_goes_on_after_a_reboot_whatever_crashes_then(
    joiner: World, left: Callable[[World], None], number: int | None
) -> None:
    joining_row(joiner)
    joiner.table.store(as_lease(NodeLease(LeaseName.JOIN, ME, 7, 3)))
    left(joiner)
    joiner.fault = at(-1 if number is None else number, Fault.CRASH)
    assert joiner.boots() is End.SERVES
    sound(joiner)
    serves_or_left_its_lease(joiner)
    assert [(each.name, each.is_learner) for each in joiner.members] == [(OTHER, False), (ME, False)]


def test_its_own_learner_is_stopped_before_it_is_removed_and_its_data_wiped_only_afterwards(joiner: World) -> None:
    joining_row(joiner)
    learner(started=True)(joiner)
    data = joiner.root / "var/lib/etcd/member/old"
    data.mkdir()

    def removed(index: int, event: str) -> Fault | None:
        if event in ("machine: stop", "etcd: remove"):
            assert data.exists()
        return None

    joiner.fault = removed
    assert joiner.boot() is End.SERVES
    assert joiner.events.index("machine: stop") < joiner.events.index("etcd: remove")
    assert not data.exists()


def test_two_do_not_join_at_once(joiner: World) -> None:
    joiner.table.store(as_lease(NodeLease(LeaseName.JOIN, "i-third", 7, 3)))

    def asleep() -> None:
        assert "run: kubeadm join" not in joiner.events
        if joiner.sleeps == 20:
            joiner.table.store(as_lease(NodeLease(LeaseName.JOIN, "", 7, 3)))

    joiner.while_asleep = asleep
    assert joiner.boot() is End.SERVES
    assert joiner.sleeps == 20
    assert lease(joiner) == NodeLease(LeaseName.JOIN, "", 8, 4)
    assert any("i-third holds lease#join" in line for line in joiner.lines)


def test_a_gate_that_closes_after_the_lease_was_taken_lets_nobody_through(joiner: World) -> None:
    third = peer(7, "i-third", "10.0.0.7", learner=True)

    def comes(index: int, event: str) -> Fault | None:
        if event == "table: transact cluster lease#join member#i-me":
            joiner.members.append(third)
        return None

    def asleep() -> None:
        assert "run: kubeadm join" not in joiner.events
        if joiner.sleeps == 9:
            joiner.members.remove(third)
            joiner.fault = lambda index, event: None

    joiner.fault, joiner.while_asleep = comes, asleep
    assert joiner.boot() is End.SERVES
    assert any("i-third (7) is not a voter yet" in line for line in joiner.lines)
    sound(joiner)
    serves(joiner)


def test_a_joiner_that_etcd_lists_after_the_lease_was_taken_begins_again(joiner: World) -> None:
    """Nobody but itself adds it, so it is a request of its own that was under way; kubeadm would find it there."""

    def comes(index: int, event: str) -> Fault | None:
        if event == "table: transact cluster lease#join member#i-me" and "etcd: remove" not in joiner.events:
            joiner.members.append(peer(9, "", MY_ADDRESS))
        return None

    joiner.fault = comes
    assert joiner.boot() is End.SERVES
    assert joiner.events.count("run: kubeadm join") == 1
    assert joiner.events.index("etcd: remove") < joiner.events.index("run: kubeadm join")
    serves(joiner)


def test_a_joiner_that_loses_its_lease_while_kubeadm_works_ends_kubeadm_and_joins_again(joiner: World) -> None:
    joiner.timings = Timings(lease=0.3, renew=0.02, join=60)
    others = NodeLease(LeaseName.JOIN, "i-third", 1000, 2)

    def hang(ended: Callable[[], bool]) -> Finished | None:
        joiner.in_kubeadm = lambda _: None
        joiner.table.store(as_lease(others))
        wait_for(ended, "the end of kubeadm")
        # It was added, and no more.
        joiner.members.append(peer(9, "", MY_ADDRESS))
        return Finished(None, REFUSED)

    def asleep() -> None:
        if joiner.sleeps == 3:
            assert lease(joiner) == others
            joiner.table.store(as_lease(replace(others, owner="")))

    joiner.in_kubeadm, joiner.while_asleep = hang, asleep
    assert joiner.boot() is End.SERVES
    assert any("lease#join is lost: another owner has taken it" in line for line in joiner.lines)
    assert "etcd: remove" in joiner.events
    serves(joiner)


def test_after_three_failures_the_place_is_given_up_and_the_lease_released(joiner: World) -> None:
    joiner.fault = lambda index, event: Fault.FAILS if event == "run: kubeadm join" else None
    assert joiner.boot() is End.FAILED
    sound(joiner)
    assert joiner.events.count("run: kubeadm join") == 3
    assert "Owner" not in (joiner.table.stored(LEASE_ITEM) or {})
    assert joiner.events[-1] == "hook: abandon"
    # Its row stays: until etcd's own list was asked, nobody knows how far it came.
    assert joiner.row is not None
    assert joiner.row.state is MemberState.JOINING


def test_what_fails_for_good_is_not_tried_again(joiner: World) -> None:
    joiner.fault = lambda index, event: Fault.ENDS if event == "run: kubeadm join" else None
    assert joiner.boot() is End.FAILED
    assert joiner.events.count("run: kubeadm join") == 1
    assert "kubeadm's check NumCPU failed" in joiner.lines[-1]


def member_in_service(world: World) -> None:
    """What a reboot finds."""
    world.members.append(peer(9, ME, MY_ADDRESS))
    world.table.store(Member(ME, 1, MemberState.VOTER, "2", MY_ADDRESS, "9").item())
    world.start(0xE1, 9)
    files.write(world.root, placing.files(ANCHORS[-1]))
    disk = EtcdDisk(world.root)
    disk.identify(DataOwner(ClusterNode("arn:stack", ME), 1, "e1"))
    disk.mark()
    world.etcd, world.lifecycle_state = None, "InService"


def test_a_member_that_was_rebooted_starts_what_it_has_and_asks_nobody(joiner: World) -> None:
    member_in_service(joiner)
    assert joiner.boot() is End.SERVES
    assert joiner.events == [
        *("table: get cluster", "table: get member#i-me", "table: get cluster", "machine: start kubelet", "api: own"),
        *("hook: complete", "stack: signal", "machine: start holdfast-agent.service", "table: get boot-failures#2"),
    ]
    serves(joiner)


def test_a_founder_that_crashed_before_its_marker_writes_it(joiner: World) -> None:
    member_in_service(joiner)
    (joiner.root / "var/lib/holdfast/member").unlink()
    assert joiner.boot() is End.SERVES
    serves(joiner)


@pytest.mark.parametrize("state", [MemberState.VOTER, MemberState.JOINING])
def test_a_member_in_service_waits_for_a_majority_for_as_long_as_it_takes(joiner: World, state: MemberState) -> None:
    """Whatever its row says: that it was promoted, its own boot or an agent may still have to write."""
    member_in_service(joiner)
    joiner.table.store(Member(ME, 1, state, "2", MY_ADDRESS, "9").item())
    joiner.serve_seconds = 0
    joiner.fault = lambda index, event: Fault.FAILS if event == "api: own" and joiner.sleeps < 30 else None
    assert joiner.boot() is End.SERVES
    assert "machine: stop" not in joiner.events
    assert not any(event == "hook: abandon" for event in joiner.events)


def test_a_member_that_its_launch_hook_still_holds_is_replaced_where_it_does_not_come_to_serve(joiner: World) -> None:
    member_in_service(joiner)
    joiner.lifecycle_state = "Pending:Wait"
    joiner.serve_seconds = 0
    joiner.fault = lambda index, event: Fault.FAILS if event == "api: own" else None
    assert joiner.boot() is End.FAILED
    sound(joiner)
    assert joiner.events[-1] == "hook: abandon"


def test_a_removed_member_stops_what_runs_before_it_lets_its_instance_go(joiner: World) -> None:
    member_in_service(joiner)
    joiner.table.store(Member(ME, 1, MemberState.REMOVED, "2", MY_ADDRESS, "9").item())
    assert joiner.boot() is End.STOPPED
    assert "machine: start kubelet" not in joiner.events
    assert joiner.events[-3:] == ["machine: stop", "table: get cluster", "hook: abandon"]


def test_a_member_starts_what_it_has_without_the_table_and_stops_it_once_the_table_says_so(joiner: World) -> None:
    member_in_service(joiner)

    def fails(index: int, event: str) -> Fault | None:
        return Fault.FAILS if event == "table: get cluster" and joiner.sleeps < 5 else None

    def asleep() -> None:
        if joiner.sleeps == 5:
            assert joiner.events.count("machine: start kubelet") == 1
            joiner.other_founds(epoch=2)

    joiner.fault, joiner.while_asleep = fails, asleep
    assert joiner.boot() is End.STOPPED
    assert joiner.events[-3:] == ["machine: stop", "table: get cluster", "hook: abandon"]
    assert joiner.etcd is None


def test_a_node_with_nothing_waits_while_the_table_cannot_be_read(joiner: World) -> None:
    joiner.fault = lambda index, event: Fault.FAILS if joiner.sleeps < 30 else None
    assert joiner.boot() is End.SERVES
    assert joiner.sleeps == 30
    assert set(joiner.events[:30]) == {"table: get cluster"}


def test_a_cluster_that_is_being_deleted_is_left_alone(joiner: World, tmp_path: Path) -> None:
    now = joiner.record
    assert now is not None
    joiner.table.store(replace(now, phase=Phase.DELETING).item())
    assert joiner.boot() is End.STOPPED
    assert joiner.events == ["table: get cluster", "machine: stop"]
    assert not (tmp_path / "etc/kubernetes").exists()


def test_members_without_a_majority_are_a_condition_that_a_person_reads(joiner: World) -> None:
    joiner.has_quorum = False

    def asleep() -> None:
        joiner.has_quorum = joiner.sleeps > 5

    joiner.while_asleep = asleep
    assert joiner.boot() is End.SERVES
    condition = joiner.table.stored("condition#QuorumLost")
    assert condition is not None
    assert condition["Reason"] == "members of etcd answer, and no majority of them does"
    # Written once for as long as it is the same.
    assert joiner.events.count("table: put condition#QuorumLost") == 1
