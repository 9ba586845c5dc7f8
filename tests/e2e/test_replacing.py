"""Control planes leave, announced and unannounced, and others come in their place: no person does anything."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from coordination.members import MemberState
from coordination.outcomes import Done
from coordination.writes import update
from rehearsal.cloud.control import Refused
from tests.e2e import shipped
from tests.e2e.harness import ClusterHarness, Seen, running
from tests.e2e.replacing import (
    HEALTHY_SECONDS,
    SHORT,
    group_of,
    in_slot,
    leader_and_followers,
    removed,
    replaced,
    silent_for_ten_minutes,
    sizes_of,
    terminate,
)

CUT_SECONDS = 100.0
"""Three looks of the function, and as many of the agents."""
MAJORITY = 2
PERSONS_FILE = "/run/persons.conf"
"""Where a person's kubeconfig is on a node, for the one question that cannot be asked from outside."""


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


def test_what_was_asked_of_a_control_plane_before_it_ended_is_in_the_audit_log(cluster: ClusterHarness) -> None:
    """Its own API server is asked for as long as it answers, at least until its hook is about to end."""
    before = cluster.healthy(HEALTHY_SECONDS)
    (leaving,) = in_slot(before, 0)
    address = cluster.address(leaving)
    # From outside no control plane is reached past the balancer, which leaves one out that terminates.
    carried = (
        f"umask 077; cat >{PERSONS_FILE} <<'FILE'\n{cluster.kubectl.kubeconfig.read_text(encoding='utf-8')}\nFILE\n"
    )
    assert cluster.shell(leaving, carried).returncode == 0
    terminate(cluster, leaving)
    answered: list[str] = []
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        name = f"asked-for-{len(answered):04}"
        asked = f"kubectl --kubeconfig {PERSONS_FILE} --server https://{address}:6443 --request-timeout 5s"
        try:
            done = cluster.shell(leaving, f"{asked} get configmap {name}", 20)
        except Refused:
            # It has ended, or ends.
            break
        if "NotFound" not in done.stderr:
            break
        answered.append(name)
        # The one that comes boots meanwhile: a look lets it go on.
        cluster.look()
    assert answered
    replaced(cluster, before, leaving)
    audited = "".join(shipped.lines(cluster, shipped.AUDIT, f"control-plane/{leaving}/audit"))
    assert [name for name in answered if name not in audited] == []


@pytest.mark.parametrize(
    ("who", "fault"), [("leader", "lose"), ("follower", "lose"), ("leader", "stop"), ("leader", "hang")]
)
def test_one_that_is_lost_is_stopped_or_hangs_is_replaced(cluster: ClusterHarness, who: str, fault: str) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    leader, followers = leader_and_followers(cluster, before)
    broken = leader if who == "leader" else followers[0]
    cluster.act(fault, broken)
    replaced(cluster, before, broken)


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
    _, (silent, _) = leader_and_followers(cluster, before)
    cluster.act("isolate", silent)
    silent_for_ten_minutes(cluster, silent)
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
    since = time.monotonic()

    def named(seen: Seen) -> bool:
        assert {seen.members[name].state for name in before.control_planes} == {MemberState.VOTER}, str(seen)
        assert seen.operation is None, str(seen)
        return "QuorumLost" in seen.conditions and time.monotonic() - since > CUT_SECONDS

    # Each of the agent's questions to the API server waits for its time-out meanwhile.
    cluster.until(named, "nobody names the lost quorum", HEALTHY_SECONDS)
    assert alone in cluster.look().control_planes
    for name in cut:
        cluster.act("rejoin", name)
    after = cluster.healthy(HEALTHY_SECONDS)
    assert after.control_planes == before.control_planes
    assert after.members.keys() == before.members.keys()
    cluster.until(lambda seen: "QuorumLost" not in seen.conditions, "QuorumLost stays", HEALTHY_SECONDS)
