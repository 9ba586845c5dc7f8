"""Instances of Auto Scaling groups through their lifecycle, on a clock that runs a minute a second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork, make_network, make_queue, take
from tests.rehearsal.scaling import (
    LAUNCH,
    NAMES,
    RETAIN,
    TERMINATE,
    ScalingGroup,
    delete_all,
    make,
    refused,
    state_in_ec2,
)
from tests.waiting import wait_for

SPEED = 60


@pytest.fixture(autouse=True)
def clean(aws: LocalAws) -> Iterator[None]:
    yield
    delete_all(aws)


def test_instances_start_in_every_zone_with_the_groups_tags(aws: LocalAws, network: LaunchNetwork) -> None:
    tags = [
        {"Key": "kept", "Value": "no", "PropagateAtLaunch": False},
        {"Key": "passed", "Value": "on", "PropagateAtLaunch": True},
        {"Key": "aws:cloudformation:stack-name", "Value": "s", "PropagateAtLaunch": True},
    ]
    group = make(aws, network, DesiredCapacity=3, Tags=tags)
    group.reach("InService", "InService", "InService")
    view = group.view()
    assert {each["AvailabilityZone"] for each in view["Instances"]} == {f"us-east-1{zone}" for zone in "abc"}
    assert view["Instances"][0]["LaunchTemplate"]["Version"] == "1"
    assert view["LaunchTemplate"]["Version"] == "$Latest"
    found = aws.client("ec2").describe_instances(InstanceIds=[view["Instances"][0]["InstanceId"]])
    on_instance = {tag["Key"]: tag["Value"] for tag in found["Reservations"][0]["Instances"][0]["Tags"]}
    assert on_instance["passed"] == "on"
    assert on_instance["aws:cloudformation:stack-name"] == "s"
    assert on_instance["aws:autoscaling:groupName"] == group.name
    assert "kept" not in on_instance


def test_an_instance_waits_at_its_launch_hook_until_it_is_continued(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    group.complete("launching", group.instances("Pending:Wait")[0])
    group.reach("InService")
    assert [activity["StatusCode"] for activity in group.activities()] == ["Successful"]


def test_an_abandoned_launch_is_terminated_through_its_hook_and_replaced(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH, TERMINATE])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first, "ABANDON")
    group.reach("Pending:Wait", "Terminating:Wait")
    assert group.instances("Terminating:Wait") == [first]
    launch = next(a for a in group.activities() if a["Description"].endswith(f"Launching a new EC2 instance: {first}"))
    assert launch["StatusCode"] == "Cancelled"
    assert "was abandoned: Lifecycle Action Completed with ABANDON Result" in launch["StatusMessage"]


def test_a_launch_that_nobody_answers_times_out_and_says_so(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[{**LAUNCH, "HeartbeatTimeout": 30}])
    (first,) = wait_for(lambda: group.instances("Pending:Wait"), "an instance that waits")
    wait_for(lambda: first not in group.instances("Pending:Wait"), "the time-out of the hook")
    messages = [activity.get("StatusMessage", "") for activity in group.activities()]
    assert any("was abandoned: Heartbeat Timeout Elapsed" in message for message in messages)
    wait_for(lambda: state_in_ec2(aws, first) in ("shutting-down", "terminated"), "the end of the instance")


def test_a_heartbeat_keeps_an_instance_waiting(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[{**LAUNCH, "HeartbeatTimeout": 180}])
    (first,) = wait_for(lambda: group.instances("Pending:Wait"), "an instance that waits")
    until = aws.clock.monotonic() + 240
    while aws.clock.monotonic() < until:
        group.scaling.record_lifecycle_action_heartbeat(
            AutoScalingGroupName=group.name, LifecycleHookName="launching", InstanceId=first
        )
        aws.clock.sleep(20)
    assert group.instances("Pending:Wait") == [first]
    group.complete("launching", first)
    group.reach("InService")


def test_termination_holds_at_its_hook_while_a_replacement_starts(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    (first,) = group.instances("InService")
    group.terminate(first)
    group.reach("InService", "Terminating:Wait")
    assert state_in_ec2(aws, first) == "running"
    group.complete("terminating", first)
    group.reach("InService")
    assert state_in_ec2(aws, first) in ("shutting-down", "terminated")


def test_without_retain_an_abandoned_termination_goes_on(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    (first,) = group.instances("InService")
    group.terminate(first, decrement=True)
    group.reach("Terminating:Wait")
    group.complete("terminating", first, "ABANDON")
    group.reach()


def test_a_retained_instance_runs_on_until_its_termination_is_asked_for_again(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[TERMINATE], InstanceLifecyclePolicy=RETAIN)
    group.reach("InService")
    (first,) = group.instances("InService")
    group.terminate(first)
    group.reach("InService", "Terminating:Wait")
    group.complete("terminating", first, "ABANDON")
    group.reach("InService", "Terminating:Retained")
    assert state_in_ec2(aws, first) == "running"
    assert group.activities()[1]["StatusCode"] == "Cancelled"
    call = group.scaling.terminate_instance_in_auto_scaling_group
    assert "is retained" in refused(call, InstanceId=first, ShouldDecrementDesiredCapacity=True)
    group.terminate(first)
    group.reach("InService", "Terminating:Wait")
    group.complete("terminating", first)
    group.reach("InService")


def test_a_completed_action_cannot_be_completed_again(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    request = {"AutoScalingGroupName": group.name, "LifecycleHookName": "launching"}
    call = group.scaling.complete_lifecycle_action
    by_instance = refused(call, InstanceId=first, LifecycleActionResult="CONTINUE", **request)
    assert by_instance == f"ValidationError: No active Lifecycle Action found with instance ID {first}"
    by_token = refused(call, LifecycleActionToken="0" * 36, LifecycleActionResult="CONTINUE", **request)
    assert by_token == f"ValidationError: No active Lifecycle Action found with token {'0' * 36}"


def test_an_instance_that_stopped_is_replaced(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network)
    group.reach("InService")
    (first,) = group.instances("InService")
    aws.client("ec2").stop_instances(InstanceIds=[first])
    wait_for(lambda: group.instances("InService") not in ([], [first]), "a replacement")
    causes = " ".join(activity["Cause"] for activity in group.activities())
    assert "EC2 health check indicating it has been terminated or stopped" in causes
    assert "in response to an unhealthy instance needing to be replaced" in causes


@pytest.mark.parametrize("process", ["HealthCheck", "ReplaceUnhealthy"])
def test_a_suspended_process_leaves_a_stopped_instance(aws: LocalAws, network: LaunchNetwork, process: str) -> None:
    group = make(aws, network)
    group.reach("InService")
    (first,) = group.instances("InService")
    group.scaling.suspend_processes(AutoScalingGroupName=group.name, ScalingProcesses=[process])
    aws.client("ec2").stop_instances(InstanceIds=[first])
    aws.clock.sleep(30)
    assert group.instances("InService") == [first]
    group.scaling.resume_processes(AutoScalingGroupName=group.name, ScalingProcesses=[process])
    wait_for(lambda: first not in group.instances("InService"), "the replacement after the resume")


def test_a_policy_of_full_health_starts_the_replacement_first(aws: LocalAws, network: LaunchNetwork) -> None:
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}
    group = make(aws, network, InstanceMaintenancePolicy=policy, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    group.reach("InService")
    group.scaling.set_instance_health(InstanceId=first, HealthStatus="Unhealthy")
    group.reach("InService", "Pending:Wait")
    assert group.instances("InService") == [first]
    group.complete("launching", group.instances("Pending:Wait")[0])
    wait_for(lambda: group.instances("InService") not in ([], [first]), "the old instance to go")


def test_a_failed_launch_gives_its_reason_and_is_tried_again(aws: LocalAws, network: LaunchNetwork) -> None:
    template = make_network(aws, SecurityGroupIds=["sg-00000000000000000"])
    group = make(
        aws,
        template,
        LaunchTemplate={"LaunchTemplateId": template.template, "Version": "$Default"},
    )
    failed = wait_for(lambda: [a for a in group.activities() if a["StatusCode"] == "Failed"], "a failed launch")
    assert "sg-00000000000000000" in failed[0]["StatusMessage"]
    assert failed[0]["StatusMessage"].endswith("Launching EC2 instance failed.")
    wait_for(lambda: len(group.activities()) >= 2, "a second attempt")
    group.scaling.update_auto_scaling_group(
        AutoScalingGroupName=group.name,
        LaunchTemplate={"LaunchTemplateId": network.template},
        VPCZoneIdentifier=network.zones,
    )
    group.reach("InService")


def test_every_step_is_announced_in_eventbridges_shape(aws: LocalAws, network: LaunchNetwork) -> None:
    url, arn = make_queue(aws, "scaling-events")
    events = aws.client("events")
    name = next(NAMES)
    pattern = {"source": ["aws.autoscaling"], "detail": {"AutoScalingGroupName": [name]}}
    events.put_rule(Name="scaling", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="scaling", Targets=[{"Id": "queue", "Arn": arn}])
    group = ScalingGroup(aws, name)
    group.scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=1,
        LaunchTemplate={"LaunchTemplateId": network.template},
        VPCZoneIdentifier=network.zones,
        LifecycleHookSpecificationList=[{**LAUNCH, "NotificationMetadata": "a note"}, TERMINATE],
    )
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    group.reach("InService")
    group.terminate(first, decrement=True)
    group.reach("Terminating:Wait")
    group.complete("terminating", first)
    group.reach()
    seen: dict[str, dict[str, Any]] = {}

    def all_there() -> bool:
        seen.update({message["Body"]["detail-type"]: message["Body"] for message in take(aws, url)})
        return len(seen) == 4

    wait_for(all_there, "four events")
    launching = seen["EC2 Instance-launch Lifecycle Action"]
    detail = launching["detail"]
    assert detail.pop("LifecycleActionToken")
    assert detail == {
        "AutoScalingGroupName": name,
        "LifecycleHookName": "launching",
        "EC2InstanceId": first,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "NotificationMetadata": "a note",
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    }
    terminating = seen["EC2 Instance-terminate Lifecycle Action"]["detail"]
    assert (terminating["Origin"], terminating["Destination"]) == ("AutoScalingGroup", "EC2")
    assert set(seen) >= {"EC2 Instance Launch Successful", "EC2 Instance Terminate Successful"}
    assert launching["resources"] == [group.view()["AutoScalingGroupARN"]]
