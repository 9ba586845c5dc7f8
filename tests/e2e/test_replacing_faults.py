"""Whatever breaks while a control plane is replaced, it is replaced in the end, and no acknowledged write is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from coordination.fields import parsed
from coordination.members import MemberState
from coordination.names import lease_item
from coordination.node_leases import LeaseName, node_lease
from coordination.outcomes import Known
from tests.e2e.harness import ClusterHarness, Json, Seen, running
from tests.e2e.holding_node import STEPS, broken_off
from tests.e2e.replacing import (
    HEALTHY_SECONDS,
    SHORT,
    function_away,
    group_of,
    in_slot,
    is_gone,
    leader_and_followers,
    removed,
    replaced,
    silent_for_ten_minutes,
    terminate,
    written_to,
)

AGENT = "holdfast-agent.service"
HELD_SECONDS = 40.0
"""So long nothing must happen that must not happen at all: several looks of the function and of the agents."""
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster of three control planes alone, through whose API a client writes until the last test has ended."""
    folder = tmp_path_factory.mktemp("faults")
    with running(folder, node_settings=SHORT, parameters={"GeneralMinSize": "0"}) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        with written_to(cluster, folder):
            yield cluster


@pytest.fixture(autouse=True)
def nothing_held(cluster: ClusterHarness) -> Iterator[None]:
    """What a test has broken off or disturbed goes on after it."""
    yield
    cluster.holding.agent = {}
    cluster.rehearsal.control.disturb(0, seed=0)
    cluster.look()


@pytest.mark.parametrize("step", STEPS)
def test_every_agent_that_carries_out_a_removal_is_killed_once_after_a_step(cluster: ClusterHarness, step: str) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    cluster.holding.agent = {step: 0.0}
    leaving, _ = leader_and_followers(cluster, before)
    terminate(cluster, leaving)
    after = replaced(cluster, before, leaving)
    assert cluster.broken_off(after.control_planes, step)


def test_an_agent_that_is_paused_between_its_check_and_its_call_checks_again(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    cluster.holding.agent = {"check": 15.0}
    # Those that were killed by the test before have the mark, too.
    for name in before.control_planes:
        cluster.shell(name, f"rm -f {broken_off('check')}")
    _, (leaving, _) = leader_and_followers(cluster, before)
    terminate(cluster, leaving)
    after = replaced(cluster, before, leaving)
    assert cluster.broken_off(after.control_planes, "check")


def test_an_agent_that_is_frozen_and_thawed_after_its_lease_does_no_harm(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    frozen = cluster.until(lambda _: acting_agent(cluster), "no agent leads", HEALTHY_SECONDS)
    leaving = min(before.control_planes - {frozen})
    terminate(cluster, leaving)
    cluster.until(lambda seen: seen.operation is not None, "nothing is asked for", HEALTHY_SECONDS)
    cluster.shell(frozen, f"systemctl kill --signal=STOP {AGENT}")
    cluster.until(lambda _: acting_agent(cluster) not in ("", frozen), "no other agent leads", HEALTHY_SECONDS)
    cluster.shell(frozen, f"systemctl kill --signal=CONT {AGENT}")
    replaced(cluster, before, leaving)


def test_a_member_that_is_frozen_and_thawed_after_its_removal_does_no_harm(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    _, (frozen, _) = leader_and_followers(cluster, before)
    cluster.act("freeze", frozen)
    silent_for_ten_minutes(cluster, frozen)
    cluster.until(lambda seen: removed(seen, frozen), f"{frozen} is not removed", HEALTHY_SECONDS)
    cluster.act("thaw", frozen)
    replaced(cluster, before, frozen)


def test_one_that_is_terminated_waits_for_one_that_is_cut_off_and_both_are_replaced(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    _, (leaving, silent) = leader_and_followers(cluster, before)
    cluster.act("isolate", silent)
    terminate(cluster, leaving)
    condition = f"RemovalWaits/{leaving}"
    cluster.until(lambda seen: condition in seen.conditions, f"no {condition}", HEALTHY_SECONDS)
    assert cluster.look().members[leaving].state is MemberState.VOTER
    silent_for_ten_minutes(cluster, silent)
    after = both_replaced(cluster, before, {leaving, silent})
    assert condition not in after.conditions


def test_while_one_is_lost_and_one_cut_off_nothing_is_removed_and_it_is_named(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    lost, (cut, _) = leader_and_followers(cluster, before)
    cluster.act("isolate", cut)
    cluster.act("lose", lost)
    cluster.until(lambda seen: "QuorumLost" in seen.conditions, "nobody names the lost quorum", HEALTHY_SECONDS)
    nothing_is_removed(cluster, before)
    cluster.act("rejoin", cut)
    after = replaced(cluster, before, lost)
    assert cut in after.control_planes
    cluster.until(lambda seen: "QuorumLost" not in seen.conditions, "QuorumLost stays", HEALTHY_SECONDS)


def test_a_hook_that_runs_out_while_the_quorum_is_at_risk_leaves_an_instance_that_is_ended_later(
    cluster: ClusterHarness,
) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    _, (leaving, cut) = leader_and_followers(cluster, before)
    cluster.act("isolate", cut)
    terminate(cluster, leaving)
    cluster.until(
        lambda seen: f"RemovalWaits/{leaving}" in seen.conditions, "its removal does not wait", HEALTHY_SECONDS
    )
    run_out(cluster, leaving)
    cluster.until(
        lambda seen: seen.lifecycle_state(leaving) == "Terminating:Retained", "it is not retained", HEALTHY_SECONDS
    )
    nothing_is_removed(cluster, before)
    cluster.act("rejoin", cut)
    after = replaced(cluster, before, leaving)
    assert cut in after.control_planes


def test_while_the_function_is_throttled_nothing_happens_and_late_and_repeated_events_do_no_harm(
    cluster: ClusterHarness,
) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    functions = cluster.rehearsal.local.client("lambda")
    with function_away(cluster) as name:
        leaving, _ = leader_and_followers(cluster, before)
        hook = terminating_hook(cluster, group_of(cluster, leaving))
        terminate(cluster, leaving)
        nothing_is_removed(cluster, before)
    # What Auto Scaling has said is delivered now; and again, and out of order, for another instance as well.
    other = min(before.control_planes - {leaving})
    events = [notice(hook, each) for each in (other, leaving, leaving, other)]
    for event in events:
        # All at the same time, as EventBridge does it.
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    replaced(cluster, before, leaving)


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_bad_day_of_aws_one_is_replaced_all_the_same(cluster: ClusterHarness, seed: int) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    leaving, _ = leader_and_followers(cluster, before)
    cluster.rehearsal.control.disturb(0.25, seed=seed)
    terminate(cluster, leaving)
    cluster.until(lambda seen: is_gone(seen, leaving), f"{leaving} does not leave", 2 * HEALTHY_SECONDS)
    cluster.until(
        lambda seen: len(seen.control_planes) == 3 and not cluster.unhealthy(seen), "not whole", 2 * HEALTHY_SECONDS
    )
    assert cluster.rehearsal.control.report()["disturbed"]
    assert leaving not in cluster.look().control_planes


def test_a_member_whose_disk_is_full_is_ended_and_replaced(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    full, _ = leader_and_followers(cluster, before)
    cluster.act("fill_disk", full)
    silent_for_ten_minutes(cluster, full)
    replaced(cluster, before, full)


def test_a_successor_without_room_comes_once_the_old_one_has_left(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    (leaving,) = in_slot(before, 1)
    zone = zone_of(cluster, leaving)
    cluster.act("crowd_zone", zone)
    try:
        terminate(cluster, leaving)
        replaced(cluster, before, leaving)
    finally:
        cluster.act("free_zone", zone)
    group = group_of(cluster, in_slot(cluster.look(), 1)[0])
    activities = cluster.rehearsal.local.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=group)
    said = [each.get("StatusMessage", "") for each in activities["Activities"] if each["StatusCode"] == "Failed"]
    assert [each for each in said if "sufficient capacity" in each]


@pytest.mark.parametrize("stage", ["gate", "kubeadm-join"])
def test_an_instance_that_is_terminated_while_it_joins_is_replaced(cluster: ClusterHarness, stage: str) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    _, (leaving, _) = leader_and_followers(cluster, before)
    cluster.holding.join = (stage,)
    terminate(cluster, leaving)

    def held(seen: Seen) -> str:
        new = seen.control_planes - before.control_planes
        return next((name for name in new if seen.stage(name) == stage), "")

    joiner = cluster.until(held, f"nobody comes to {stage}", HEALTHY_SECONDS)
    cluster.holding.join = ()
    terminate(cluster, joiner)
    both_replaced(cluster, before, {leaving, joiner})


def both_replaced(cluster: ClusterHarness, before: Seen, gone: set[str]) -> Seen:
    """Wait until none of several is left, and the cluster is whole."""

    def done(seen: Seen) -> Seen | None:
        return seen if not seen.control_planes & gone and len(seen.control_planes) == 3 else None

    cluster.until(done, f"{gone} are not replaced", 2 * HEALTHY_SECONDS)
    after = cluster.healthy(HEALTHY_SECONDS)
    assert (before.control_planes - gone) <= after.control_planes
    return after


def nothing_is_removed(cluster: ClusterHarness, before: Seen) -> None:
    """Look for a while, and see that everybody who was a voter is one."""
    deadline = time.monotonic() + HELD_SECONDS
    while time.monotonic() < deadline:
        seen = cluster.look()
        assert {seen.members[name].state for name in before.control_planes} == {MemberState.VOTER}, str(seen)
        time.sleep(2)


def acting_agent(cluster: ClusterHarness) -> str:
    """The instance whose agent leads; empty where none does."""
    found = parsed(cluster.table.get(lease_item(LeaseName.AGENT)), node_lease)
    assert isinstance(found, Known), found
    return "" if found.value is None else found.value.owner


def terminating_hook(cluster: ClusterHarness, group: str) -> Json:
    """As Auto Scaling describes it."""
    hooks = cluster.rehearsal.local.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=group)
    (hook,) = [each for each in hooks["LifecycleHooks"] if each["LifecycleTransition"] == TERMINATING]
    described: Json = hook
    return described


def run_out(cluster: ClusterHarness, name: str) -> None:
    """What Auto Scaling does after 48 hours: the terminating hook of an instance ends in its default result."""
    group = group_of(cluster, name)
    hook = terminating_hook(cluster, group)
    cluster.rehearsal.local.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=group,
        LifecycleHookName=hook["LifecycleHookName"],
        InstanceId=name,
        LifecycleActionResult=hook["DefaultResult"],
    )


def zone_of(cluster: ClusterHarness, name: str) -> str:
    """The zone in which an instance runs."""
    described: Any = cluster.rehearsal.local.client("ec2").describe_instances(InstanceIds=[name])
    return str(described["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"])


def notice(hook: Json, instance_id: str) -> Json:
    """An event of Auto Scaling's that a hook holds an instance.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
    """
    return {
        "version": "0",
        "source": "aws.autoscaling",
        "detail-type": "EC2 Instance-terminate Lifecycle Action",
        "detail": {
            "LifecycleActionToken": "00000000-0000-0000-0000-000000000000",
            "AutoScalingGroupName": hook["AutoScalingGroupName"],
            "LifecycleHookName": hook["LifecycleHookName"],
            "EC2InstanceId": instance_id,
            "LifecycleTransition": TERMINATING,
        },
    }
