"""The leading agent's look, on a table of moto: rows made true, the observation stored, conditions set and cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from coordination.adapters.table import ClusterTable
from coordination.conditions import Condition, condition
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState, member
from coordination.names import OBSERVATION_ITEM
from coordination.observed_state import SeenMember, cluster_observation
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.record import Phase
from coordination.retention import KEPT_SECONDS
from tests.unit.coordination.conftest import NAME
from tests.unit.coordination.conftest import client as client  # a fixture
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, etcd_member, row, view
from userdata.agent.observe.gather import ObservationSources
from userdata.agent.observe.snapshot import Nodes
from userdata.agent.observe.task import Observer
from userdata.etcd.view import EtcdView
from userdata.logs.lines import StageFailed


@dataclass
class World:
    """What an observer sees; a test changes it between two looks."""

    table: ClusterTable
    etcd: Reading[EtcdView] = field(default_factory=lambda: Known(view(*THREE)))
    states: dict[str, str | None] = field(default_factory=lambda: {f"i-{number}": "running" for number in range(1, 5)})
    nodes: Reading[Nodes] = field(default_factory=lambda: Known(Nodes(5, 4)))
    groups: Reading[tuple[GroupInstance, ...]] = field(
        default_factory=lambda: Known(
            tuple(GroupInstance(f"i-{number}", "slot", "control-plane", "InService") for number in range(1, 5))
        )
    )
    steady: float = 0.0

    def observer(self) -> Observer:
        return Observer(
            ObservationSources(
                instance_id="i-1",
                table=self.table,
                etcd=lambda: self.etcd,
                states=lambda asked: Known({each: self.states[each] for each in asked}),
                instances=lambda: self.groups,
                nodes=lambda: self.nodes,
                certificates=list,
                wall=lambda: NOW + self.steady,
                steady=lambda: self.steady,
            ),
            self.table,
        )

    def item(self, item_id: str) -> Item | None:
        reading = self.table.get(item_id)
        assert isinstance(reading, Known)
        return reading.value

    def row(self, number: int) -> Member:
        found = self.item(f"member#i-{number}")
        assert found is not None
        return member(found)

    def conditions(self) -> dict[str, Condition]:
        reading = self.table.items(["condition#"])
        assert isinstance(reading, Known)
        return {each.name: each for each in map(condition, reading.value)}


@pytest.fixture
def world(client: Any) -> World:
    table = ClusterTable(client, NAME)
    for item in (RECORD.item(), *(each.item() for each in ROWS)):
        table.put(item, {})
    return World(table)


def test_a_cluster_that_is_well_is_published_and_nothing_is_told(world: World) -> None:
    assert world.observer().observe() == ""
    item = world.item(OBSERVATION_ITEM)
    assert item is not None
    found = cluster_observation(item)
    assert (found.observed_at, found.by, found.epoch, found.etcd_cluster_id) == (NOW, "i-1", 2, "abc")
    assert (found.leader, found.size_bytes, found.nodes, found.nodes_ready) == ("10", 1000, 5, 4)
    assert found.members == tuple(SeenMember(f"{number}0", f"i-{number}", False, "") for number in (1, 2, 3))
    assert world.conditions() == {}


def test_rows_are_made_true_and_said(world: World) -> None:
    world.table.put(row(3, MemberState.JOINING, "").item(), {})
    world.table.put(row(4).item(), {})
    assert world.observer().observe() == "i-3 was promoted; etcd does not list i-4 any more"
    assert (world.row(3).state, world.row(3).etcd_member_id) == (MemberState.VOTER, "30")
    assert world.row(4).state is MemberState.REMOVED
    assert world.observer().observe() == ""


def test_the_row_of_a_listed_voter_that_says_removed_is_set_back(world: World) -> None:
    world.table.put(row(3, MemberState.REMOVED).item(), {})
    assert world.observer().observe() == "etcd lists i-3, whose row said removed"
    assert world.row(3) == row(3)
    assert world.observer().observe() == ""


def test_a_row_that_is_ended_between_the_rows_and_the_list_stays_so(world: World) -> None:
    """As the end of an operation does it, after etcd's removal."""
    listing = view(*THREE[:2])
    observer = world.observer()

    def removed() -> Reading[EtcdView]:
        world.table.put(row(3, MemberState.REMOVED).item(), {})
        return Known(listing)

    for _ in range(2):
        replace(observer, sources=replace(observer.sources, etcd=removed)).observe()
        assert world.row(3).state is MemberState.REMOVED


def test_a_list_is_never_older_than_the_rows_that_it_is_held_against(world: World) -> None:
    """An operation ends while the leader looks. Had it asked etcd first, it would take the member for listed still."""
    observer = world.observer()
    etcd = [*THREE]

    class Ending(ClusterTable):
        def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
            etcd[:] = THREE[:2]
            world.table.put(row(3, MemberState.REMOVED).item(), {})
            return world.table.items(prefixes)

    table = Ending.__new__(Ending)
    sources = replace(observer.sources, table=table, etcd=lambda: Known(view(*etcd)))
    replace(observer, sources=sources).observe()
    assert world.row(3).state is MemberState.REMOVED


def test_rows_of_another_epoch_are_nobodys(world: World) -> None:
    world.table.put(row(4, epoch=1).item(), {})
    assert world.observer().observe() == ""
    assert world.row(4).state is MemberState.VOTER


def test_an_instance_that_ec2_does_not_know_is_written_down_and_taken_back(world: World) -> None:
    world.states["i-2"] = None
    assert world.observer().observe() == "EC2 does not know i-2"
    assert world.row(2).not_found_since == NOW
    world.steady = 60
    assert world.observer().observe() == ""
    assert world.row(2).not_found_since == NOW
    world.states["i-2"] = "running"
    assert world.observer().observe() == "EC2 knows i-2 after all"
    assert world.row(2).not_found_since is None


def test_a_condition_is_set_when_it_has_lasted_and_kept_by_the_next_leader_and_cleared(world: World) -> None:
    sick = Known(view(*THREE, problems={2: "no answer"}))
    world.etcd = sick
    observer = world.observer()
    assert observer.observe() == ""
    world.steady = 61
    assert observer.observe().startswith("set MemberUnhealthy/i-2: etcd's member 20 (i-2) does not serve: no answer")
    assert world.conditions()["MemberUnhealthy/i-2"].since == NOW + 61
    # Another node leads from now on, and has seen nothing before.
    world.steady = 90
    assert world.observer().observe() == ""
    assert world.conditions()["MemberUnhealthy/i-2"].since == NOW + 61
    world.etcd = Known(view(*THREE))
    assert world.observer().observe() == "cleared MemberUnhealthy/i-2"
    assert world.conditions() == {}


def test_a_lost_quorum_is_named_once_it_has_lasted_kept_by_the_next_leader_and_cleared(world: World) -> None:
    world.etcd = Unknown("member list: timed out")
    observer = world.observer()
    for seconds, wanted in ((0, set()), (59, set()), (61, {"QuorumLost"})):
        world.steady = seconds
        with pytest.raises(StageFailed, match="member list: timed out"):
            observer.observe()
        assert world.conditions().keys() == wanted
    stored = world.conditions()
    assert stored["QuorumLost"].reason == "no majority of etcd's members answers: member list: timed out"
    world.steady = 90
    world.etcd = Unknown("member list: no leader")
    with pytest.raises(StageFailed, match="no leader"):
        world.observer().observe()
    assert world.conditions() == stored
    world.etcd = Known(view(*THREE))
    assert world.observer().observe() == "cleared QuorumLost"


NAMES = ["RestoreBlocked", "SnapshotTooOld", "QuorumLost", "BootFailed/slot-0", "UpgradeRefused/i-4"]


def waits(condition: str) -> Item:
    return {
        "Id": "boot#arn:aws:ec2:us-east-1:000000000000:instance/i-4",
        "Stage": "decide",
        "Reason": "its own words",
        "Condition": condition,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("names_it", "state", "stays"),
    [
        (True, "running", True),
        (True, "stopped", True),
        (True, "terminated", False),
        (True, None, False),
        (False, "running", False),
        (None, "running", False),
    ],
)
def test_what_a_booting_node_stored_stays_for_as_long_as_it_lives_and_names_it(
    world: World, name: str, names_it: bool | None, state: str | None, stays: bool
) -> None:
    world.table.put(Condition(name, "why", "a step", NOW).item(), {})
    if names_it is not None:
        world.table.put(waits(name if names_it else "BootFailed/slot-1"), {})
    world.states["i-4"] = state
    world.observer().observe()
    assert (name in world.conditions()) is stays


def test_a_boot_row_that_cannot_be_understood_blinds_nobody(world: World) -> None:
    world.table.put({"Id": "boot#arn:aws:ec2:us-east-1:000000000000:instance/i-4", "Stage": 7}, {})
    world.table.put(Condition("RestoreBlocked", "why", "a step", NOW).item(), {})
    world.observer().observe()
    assert world.conditions() == {}


def test_a_condition_of_the_agents_is_not_kept_by_a_row_that_names_it(world: World) -> None:
    world.table.put(Condition("MemberUnhealthy/i-9", "why", "a step", NOW).item(), {})
    world.table.put(waits("MemberUnhealthy/i-9"), {})
    world.states["i-4"] = "running"
    world.observer().observe()
    assert world.conditions() == {}


def test_what_a_worker_says_of_itself_keeps_no_condition(world: World) -> None:
    world.table.put(Condition("RestoreBlocked", "why", "a step", NOW).item(), {})
    world.table.put(waits("RestoreBlocked"), {})
    world.groups = Known((GroupInstance("i-4", "pool", "worker", "InService"),))
    assert world.observer().observe() == "cleared RestoreBlocked"


def test_while_the_groups_are_unknown_the_conditions_of_booting_nodes_stay(world: World) -> None:
    world.table.put(Condition("RestoreBlocked", "why", "a step", NOW).item(), {})
    world.groups = Unknown("DescribeAutoScalingGroups: timed out")
    with pytest.raises(StageFailed, match=r"^DescribeAutoScalingGroups: timed out$"):
        world.observer().observe()
    assert "RestoreBlocked" in world.conditions()


def test_a_condition_that_cannot_be_understood_blinds_nobody(world: World) -> None:
    world.table.put({"Id": "condition#Note", "Reason": "typed by hand"}, {})
    world.table.put(row(3, MemberState.JOINING, "").item(), {})
    assert world.observer().observe() == "i-3 was promoted"
    assert world.item(OBSERVATION_ITEM) is not None
    assert world.item("condition#Note") == {"Id": "condition#Note", "Reason": "typed by hand"}


def test_a_member_row_that_cannot_be_understood_is_told_of_and_named_and_hides_no_other(world: World) -> None:
    world.table.put({"Id": "member#i-2", "Epoch": 2, "State": "asleep"}, {})
    world.table.put(row(3, MemberState.JOINING, "").item(), {})
    world.table.put(Condition("CertificateExpiring/i-2", "a reason", "a step", NOW).item(), {})
    observer = world.observer()
    with pytest.raises(StageFailed, match=r"^i-3 was promoted; item member#i-2: State is 'asleep', allowed: "):
        observer.observe()
    assert world.row(3).state is MemberState.VOTER
    assert world.item(OBSERVATION_ITEM) is not None
    world.steady = 61
    with pytest.raises(StageFailed, match=r"etcd's member 20 \(i-2\) has a member row that cannot be understood"):
        observer.observe()
    # Whether it is a member nobody knows, so its own condition is left to it.
    assert set(world.conditions()) == {"CertificateExpiring/i-2", "MemberUnexpected/20"}


def test_rows_of_an_instance_that_is_long_gone_are_marked_and_deleted(world: World) -> None:
    key = "boot#arn:aws:ec2:us-east-1:000000000000:instance/i-9"
    world.table.put({"Id": key, "Stage": "node"}, {})
    world.table.put(row(9, epoch=1).item(), {})
    world.states["i-9"] = "terminated"
    assert world.observer().observe() == ""
    for item_id in (key, "member#i-9"):
        item = world.item(item_id)
        assert item is not None
        assert item["GoneSince"] == NOW
    world.steady, world.states["i-9"] = KEPT_SECONDS + 1, None
    assert world.observer().observe() == ""
    assert (world.item(key), world.item("member#i-9")) == (None, None)


def test_what_cannot_be_seen_changes_nothing_and_is_told_after_the_rest_is_done(world: World) -> None:
    stray = Known(view(*THREE, etcd_member(4, learner=True)))
    observer = world.observer()
    world.etcd = stray
    observer.observe()
    world.steady = 61
    observer.observe()
    assert set(world.conditions()) == {"LearnerStray/40"}
    world.etcd, world.states["i-2"] = Unknown("member list: timed out"), None
    with pytest.raises(StageFailed, match="EC2 does not know i-2; member list: timed out"):
        observer.observe()
    assert set(world.conditions()) == {"LearnerStray/40"}
    item = world.item(OBSERVATION_ITEM)
    assert item is not None
    assert cluster_observation(item).members is None


def test_the_etcd_of_another_epoch_is_not_compared_with_these_rows(world: World) -> None:
    world.table.put(replace(RECORD, etcd_cluster_id="def").item(), {})
    world.etcd = Known(view(*THREE[:1]))
    with pytest.raises(StageFailed, match="the etcd here is abc, and not the record's"):
        world.observer().observe()
    assert world.row(3).state is MemberState.VOTER


@pytest.mark.parametrize("phase", [Phase.DELETING, Phase.CLAIMED])
def test_nothing_is_written_while_the_cluster_is_not_ready(world: World, phase: Phase) -> None:
    world.table.put(replace(RECORD, phase=phase).item(), {})
    assert world.observer().observe() == ""
    assert world.item(OBSERVATION_ITEM) is None


def test_a_table_that_cannot_be_read_is_told(world: World) -> None:
    world.table.delete("cluster", {})
    with pytest.raises(StageFailed, match="there is no cluster record"):
        world.observer().observe()
