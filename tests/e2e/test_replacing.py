"""Control planes leave, announced and unannounced, and others come in their place: no person does anything."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from coordination.members import SILENT_SECONDS, Member, MemberState
from coordination.outcomes import Done
from coordination.writes import update
from tests.e2e.harness import ClusterHarness, Json, Seen, running

SHORT = {
    "pace": {"heartbeat": 5, "look": 1, "clients": 5, "drain": 30},
    "leases": {"lease": 6, "renew": 1.5},
}
HEALTHY_SECONDS = 420.0
CUT_SECONDS = 100.0
"""Three looks of the function, and as many of the agents."""
MAJORITY = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster of three control planes alone."""
    with running(
        tmp_path_factory.mktemp("replacing"), node_settings=SHORT, parameters={"GeneralMinSize": "0"}
    ) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        yield cluster


def test_each_slot_that_is_terminated_in_turn_is_replaced(cluster: ClusterHarness) -> None:
    for slot in range(3):
        before = cluster.look()
        (leaving,) = in_slot(before, slot)
        terminate(cluster, leaving)
        replaced(cluster, before, leaving)


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_one_that_is_lost_is_replaced(cluster: ClusterHarness, who: str) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    leader = cluster.etcd_leader(min(before.control_planes))
    lost = leader if who == "leader" else min(before.control_planes - {leader})
    cluster.act("lose", lost)
    replaced(cluster, before, lost)


@pytest.mark.parametrize("count", [2, 3])
def test_of_several_that_are_terminated_in_the_same_second_a_majority_stays_until_others_have_come(
    cluster: ClusterHarness, count: int
) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    leaving = sorted(before.control_planes)[:count]
    for name in leaving:
        terminate(cluster, name)

    def all_replaced(seen: Seen) -> Seen | None:
        # Looked at through one that stays or comes: the members that etcd lists never fall below two.
        voters = [row for row in seen.members.values() if row.state is MemberState.VOTER]
        assert len(voters) >= MAJORITY, f"fewer voters than a majority of the slots: {seen}"
        return seen if not seen.control_planes & set(leaving) and not cluster.unhealthy(seen) else None

    after = cluster.until(all_replaced, f"{leaving} are not all replaced", 2 * HEALTHY_SECONDS)
    assert len(after.control_planes - before.control_planes) == len(leaving)


def test_a_slot_that_is_scaled_to_nothing_by_hand_is_started_again(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    (leaving,) = in_slot(before, 1)
    cluster.rehearsal.local.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=group_of(cluster, leaving), DesiredCapacity=0
    )
    replaced(cluster, before, leaving)


def test_a_slot_that_is_scaled_to_two_by_hand_has_one_again(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    (serving,) = in_slot(before, 2)
    group = group_of(cluster, serving)
    cluster.rehearsal.local.client("autoscaling").set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=2)
    cluster.until(lambda seen: len(in_slot(seen, 2)) == 2, "no second instance comes", HEALTHY_SECONDS)

    def one_again(seen: Seen) -> Seen | None:
        return seen if len(in_slot(seen, 2)) == 1 and not cluster.unhealthy(seen) else None

    after = cluster.until(one_again, "the surplus instance is not ended", HEALTHY_SECONDS)
    assert serving in after.control_planes
    assert sizes_of(cluster, group)["DesiredCapacity"] == 1


def test_a_member_that_is_detached_from_its_group_is_removed_and_replaced(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    (detached,) = in_slot(before, 0)
    cluster.rehearsal.local.client("autoscaling").detach_instances(
        InstanceIds=[detached],
        AutoScalingGroupName=group_of(cluster, detached),
        ShouldDecrementDesiredCapacity=False,
    )
    outside = frozenset({detached})
    cluster.until(lambda seen: removed(seen, detached), f"{detached} is not removed", HEALTHY_SECONDS)
    cluster.healthy(HEALTHY_SECONDS, without=outside)
    # Nobody ends it: whoever detached it wanted to look at it.
    ec2 = cluster.rehearsal.local.client("ec2")
    ec2.modify_instance_attribute(InstanceId=detached, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[detached])
    cluster.until(lambda seen: seen.state(detached) == "terminated", f"{detached} does not end", HEALTHY_SECONDS)


def test_one_that_has_been_cut_off_for_ten_minutes_is_ended_and_replaced(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    silent = min(before.control_planes - {cluster.etcd_leader(min(before.control_planes))})
    cluster.act("isolate", silent)
    row = cluster.until(lambda seen: told_silent(seen, silent), "nobody tells that it is silent", HEALTHY_SECONDS)
    # As though the ten minutes had passed.
    earlier = update(row.item_id, {"Epoch": row.epoch, "SilentSince": (row.silent_since or 0) - SILENT_SECONDS}, {})
    assert isinstance(cluster.table.apply(earlier), Done)
    after = replaced(cluster, before, silent)
    assert after.members[silent].ended_at is not None


def test_while_two_are_cut_off_nothing_is_removed_and_all_go_on_once_they_are_back(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    alone, *cut = sorted(before.control_planes)
    for name in cut:
        cluster.act("isolate", name)
    # As though they had been silent for long before: an old note proves nothing.
    for name in cut:
        row = before.members[name]
        assert isinstance(cluster.table.apply(update(row.item_id, {"Epoch": row.epoch, "SilentSince": 1}, {})), Done)
    deadline = time.monotonic() + CUT_SECONDS
    while time.monotonic() < deadline:
        seen = cluster.look()
        assert {seen.members[name].state for name in before.control_planes} == {MemberState.VOTER}, str(seen)
        assert seen.operation is None, str(seen)
        time.sleep(5)
    assert alone in seen.control_planes
    for name in cut:
        cluster.act("rejoin", name)
    after = cluster.healthy(HEALTHY_SECONDS)
    assert after.control_planes == before.control_planes
    assert after.members.keys() == before.members.keys()


def terminate(cluster: ClusterHarness, instance_id: str) -> None:
    """What an operator does, or Auto Scaling by itself."""
    cluster.rehearsal.local.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
    )


def replaced(cluster: ClusterHarness, before: Seen, gone: str) -> Seen:
    """Wait until another instance is a member in the place of one."""

    def done(seen: Seen) -> Seen | None:
        ended = removed(seen, gone) and seen.state(gone) in ("terminated", "unknown")
        return seen if ended and len(seen.control_planes) == 3 else None

    cluster.until(done, f"{gone} is not replaced", HEALTHY_SECONDS)
    after = cluster.healthy(HEALTHY_SECONDS)
    assert len(after.control_planes - before.control_planes) == 1
    assert gone not in after.control_planes
    return after


def in_slot(seen: Seen, slot: int) -> list[str]:
    """The running instances of a slot."""
    return [row.instance_id for row in seen.rows if row.place == f"slot {slot}" and row.state == "running"]


def removed(seen: Seen, name: str) -> bool:
    """Whether a member's row says removed."""
    return name in seen.members and seen.members[name].state is MemberState.REMOVED


def told_silent(seen: Seen, name: str) -> Member | None:
    """The row of a member of which an agent has told that it is silent."""
    row = seen.members[name]
    return row if row.silent_since is not None else None


def group_of(cluster: ClusterHarness, instance_id: str) -> str:
    """The name of an instance's group."""
    client = cluster.rehearsal.local.client("autoscaling")
    (found,) = client.describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
    return str(found["AutoScalingGroupName"])


def sizes_of(cluster: ClusterHarness, group: str) -> Json:
    """A group as Auto Scaling describes it."""
    client = cluster.rehearsal.local.client("autoscaling")
    (found,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    described: Json = found
    return described
