"""Auto Scaling groups through their public API, on a clock that runs a minute a second."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import Ground, make_ground, make_queue, take, wait_for

LAUNCH = {"LifecycleHookName": "launching", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
TERMINATE = {"LifecycleHookName": "terminating", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}
RETAIN = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
NAMES = (f"group-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    aws = LocalAws(speed=60).start()
    yield aws
    aws.stop()


@pytest.fixture(scope="module")
def ground(aws: LocalAws) -> Ground:
    return make_ground(aws)


@pytest.fixture(autouse=True)
def clean(aws: LocalAws) -> Iterator[None]:
    """Every test's groups go with it: the clock is fast, and groups that time out and relaunch are work."""
    yield
    scaling = aws.client("autoscaling")
    for group in scaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        name = group["AutoScalingGroupName"]
        scaling.update_auto_scaling_group(
            AutoScalingGroupName=name,
            DeletionProtection="none",
            InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
        )
        scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    wait_for(lambda: not scaling.describe_auto_scaling_groups()["AutoScalingGroups"], "all groups to be gone")


class Handle:
    """A group under test."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.name = name
        self.scaling = aws.client("autoscaling")

    def view(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])[
            "AutoScalingGroups"
        ]
        return found[0]

    def states(self) -> list[str]:
        return sorted(instance["LifecycleState"] for instance in self.view()["Instances"])

    def instances(self, state: str) -> list[str]:
        return [each["InstanceId"] for each in self.view()["Instances"] if each["LifecycleState"] == state]

    def reach(self, *states: str) -> None:
        wait_for(lambda: self.states() == sorted(states), f"{self.name} in {states}, is {self.states()}")

    def complete(self, hook: str, instance_id: str, result: str = "CONTINUE") -> None:
        self.scaling.complete_lifecycle_action(
            AutoScalingGroupName=self.name,
            LifecycleHookName=hook,
            InstanceId=instance_id,
            LifecycleActionResult=result,
        )

    def terminate(self, instance_id: str, decrement: bool = False) -> Any:
        return self.scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
        )

    def activities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.scaling.describe_scaling_activities(AutoScalingGroupName=self.name)[
            "Activities"
        ]
        return found


def make(aws: LocalAws, ground: Ground, **settings: Any) -> Handle:
    handle = Handle(aws, next(NAMES))
    request = {
        "MinSize": 0,
        "MaxSize": 4,
        "DesiredCapacity": 1,
        "LaunchTemplate": {"LaunchTemplateId": ground.template, "Version": "$Latest"},
        "VPCZoneIdentifier": ground.zones,
        **settings,
    }
    handle.scaling.create_auto_scaling_group(AutoScalingGroupName=handle.name, **request)
    return handle


def state_in_ec2(aws: LocalAws, instance_id: str) -> str:
    found = aws.client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return f"{raised.value.response['Error']['Code']}: {raised.value.response['Error']['Message']}"


def test_instances_start_in_every_zone_with_the_groups_tags(aws: LocalAws, ground: Ground) -> None:
    tags = [
        {"Key": "kept", "Value": "no", "PropagateAtLaunch": False},
        {"Key": "passed", "Value": "on", "PropagateAtLaunch": True},
        {"Key": "aws:cloudformation:stack-name", "Value": "s", "PropagateAtLaunch": True},
    ]
    group = make(aws, ground, DesiredCapacity=3, Tags=tags)
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


def test_an_instance_waits_at_its_launch_hook_until_it_is_continued(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    group.complete("launching", group.instances("Pending:Wait")[0])
    group.reach("InService")
    assert [activity["StatusCode"] for activity in group.activities()] == ["Successful"]


def test_an_abandoned_launch_is_terminated_through_its_hook_and_replaced(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[LAUNCH, TERMINATE])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first, "ABANDON")
    group.reach("Pending:Wait", "Terminating:Wait")
    assert group.instances("Terminating:Wait") == [first]
    launch = next(a for a in group.activities() if a["Description"].endswith(f"Launching a new EC2 instance: {first}"))
    assert launch["StatusCode"] == "Cancelled"
    assert "was abandoned: Lifecycle Action Completed with ABANDON Result" in launch["StatusMessage"]


def test_a_launch_that_nobody_answers_times_out_and_says_so(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[{**LAUNCH, "HeartbeatTimeout": 30}])
    (first,) = wait_for(lambda: group.instances("Pending:Wait"), "an instance that waits")
    wait_for(lambda: first not in group.instances("Pending:Wait"), "the time-out of the hook")
    messages = [activity.get("StatusMessage", "") for activity in group.activities()]
    assert any("was abandoned: Heartbeat Timeout Elapsed" in message for message in messages)
    wait_for(lambda: state_in_ec2(aws, first) in ("shutting-down", "terminated"), "the end of the instance")


def test_a_heartbeat_keeps_an_instance_waiting(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[{**LAUNCH, "HeartbeatTimeout": 60}])
    (first,) = wait_for(lambda: group.instances("Pending:Wait"), "an instance that waits")
    until = aws.clock.monotonic() + 150
    while aws.clock.monotonic() < until:
        group.scaling.record_lifecycle_action_heartbeat(
            AutoScalingGroupName=group.name, LifecycleHookName="launching", InstanceId=first
        )
        aws.clock.sleep(10)
    assert group.instances("Pending:Wait") == [first]
    group.complete("launching", first)
    group.reach("InService")


def test_termination_holds_at_its_hook_while_a_replacement_starts(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    (first,) = group.instances("InService")
    group.terminate(first)
    group.reach("InService", "Terminating:Wait")
    assert state_in_ec2(aws, first) == "running"
    group.complete("terminating", first)
    group.reach("InService")
    assert state_in_ec2(aws, first) in ("shutting-down", "terminated")


def test_without_retain_an_abandoned_termination_goes_on(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    (first,) = group.instances("InService")
    group.terminate(first, decrement=True)
    group.reach("Terminating:Wait")
    group.complete("terminating", first, "ABANDON")
    group.reach()


def test_a_retained_instance_runs_on_until_its_termination_is_asked_for_again(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[TERMINATE], InstanceLifecyclePolicy=RETAIN)
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


def test_a_completed_action_cannot_be_completed_again(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    request = {"AutoScalingGroupName": group.name, "LifecycleHookName": "launching"}
    call = group.scaling.complete_lifecycle_action
    by_instance = refused(call, InstanceId=first, LifecycleActionResult="CONTINUE", **request)
    assert by_instance == f"ValidationError: No active Lifecycle Action found with instance ID {first}"
    by_token = refused(call, LifecycleActionToken="0" * 36, LifecycleActionResult="CONTINUE", **request)
    assert by_token == f"ValidationError: No active Lifecycle Action found with token {'0' * 36}"


def test_an_instance_that_stopped_is_replaced(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground)
    group.reach("InService")
    (first,) = group.instances("InService")
    aws.client("ec2").stop_instances(InstanceIds=[first])
    wait_for(lambda: group.instances("InService") not in ([], [first]), "a replacement")
    causes = " ".join(activity["Cause"] for activity in group.activities())
    assert "EC2 health check indicating it has been terminated or stopped" in causes
    assert "in response to an unhealthy instance needing to be replaced" in causes


@pytest.mark.parametrize("process", ["HealthCheck", "ReplaceUnhealthy"])
def test_a_suspended_process_leaves_a_stopped_instance(aws: LocalAws, ground: Ground, process: str) -> None:
    group = make(aws, ground)
    group.reach("InService")
    (first,) = group.instances("InService")
    group.scaling.suspend_processes(AutoScalingGroupName=group.name, ScalingProcesses=[process])
    aws.client("ec2").stop_instances(InstanceIds=[first])
    aws.clock.sleep(30)
    assert group.instances("InService") == [first]
    group.scaling.resume_processes(AutoScalingGroupName=group.name, ScalingProcesses=[process])
    wait_for(lambda: first not in group.instances("InService"), "the replacement after the resume")


def test_a_policy_of_full_health_starts_the_replacement_first(aws: LocalAws, ground: Ground) -> None:
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}
    group = make(aws, ground, InstanceMaintenancePolicy=policy, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    group.reach("InService")
    group.scaling.set_instance_health(InstanceId=first, HealthStatus="Unhealthy")
    group.reach("InService", "Pending:Wait")
    assert group.instances("InService") == [first]
    group.complete("launching", group.instances("Pending:Wait")[0])
    wait_for(lambda: group.instances("InService") not in ([], [first]), "the old instance to go")


def test_a_failed_launch_gives_its_reason_and_is_tried_again(aws: LocalAws, ground: Ground) -> None:
    template = make_ground(aws, SecurityGroupIds=["sg-00000000000000000"])
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
        LaunchTemplate={"LaunchTemplateId": ground.template},
        VPCZoneIdentifier=ground.zones,
    )
    group.reach("InService")


def test_instances_are_targets_only_while_they_are_in_service(aws: LocalAws, ground: Ground) -> None:
    balancing = aws.client("elbv2")
    vpc = aws.client("ec2").describe_subnets(SubnetIds=[ground.subnets[0]])["Subnets"][0]["VpcId"]
    arn = balancing.create_target_group(Name="api", Protocol="TCP", Port=6443, VpcId=vpc)["TargetGroups"][0][
        "TargetGroupArn"
    ]

    def targets() -> list[str]:
        found = balancing.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return [each["Target"]["Id"] for each in found]

    group = make(aws, ground, TargetGroupARNs=[arn], LifecycleHookSpecificationList=[LAUNCH, TERMINATE])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    assert targets() == []
    group.complete("launching", first)
    group.reach("InService")
    assert targets() == [first]
    group.terminate(first, decrement=True)
    group.reach("Terminating:Wait")
    assert targets() == []


def test_standby_leaves_the_capacity_and_comes_back_through_the_launch_hook(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    group.reach("InService")
    request = {"AutoScalingGroupName": group.name, "InstanceIds": [first]}
    group.scaling.enter_standby(ShouldDecrementDesiredCapacity=True, **request)
    group.reach("Standby")
    assert group.view()["DesiredCapacity"] == 0
    group.scaling.exit_standby(**request)
    group.reach("Pending:Wait")
    assert group.view()["DesiredCapacity"] == 1


def test_a_detached_instance_runs_on_and_can_be_attached_again(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground)
    group.reach("InService")
    (first,) = group.instances("InService")
    request = {"AutoScalingGroupName": group.name, "InstanceIds": [first]}
    group.scaling.detach_instances(ShouldDecrementDesiredCapacity=True, **request)
    group.reach()
    assert state_in_ec2(aws, first) == "running"
    group.scaling.attach_instances(**request)
    group.reach("InService")
    assert group.instances("InService") == [first]


def test_a_scale_in_spares_protected_instances(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, DesiredCapacity=2)
    group.reach("InService", "InService")
    protected = group.instances("InService")[0]
    group.scaling.set_instance_protection(
        AutoScalingGroupName=group.name, InstanceIds=[protected], ProtectedFromScaleIn=True
    )
    group.scaling.set_desired_capacity(AutoScalingGroupName=group.name, DesiredCapacity=0)
    group.reach("InService")
    assert group.instances("InService") == [protected]


def test_sizes_and_capacity_are_checked(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, MinSize=1, MaxSize=2)
    name = {"AutoScalingGroupName": group.name}
    above = refused(group.scaling.set_desired_capacity, DesiredCapacity=3, **name)
    assert above == ("ValidationError: New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup.")
    group.reach("InService")
    (first,) = group.instances("InService")
    call = group.scaling.terminate_instance_in_auto_scaling_group
    below = refused(call, InstanceId=first, ShouldDecrementDesiredCapacity=True)
    assert "desiredSize equals minSize (1)" in below
    group.scaling.update_auto_scaling_group(MinSize=2, **name)
    assert group.view()["DesiredCapacity"] == 2


def test_a_group_with_instances_is_not_deleted_and_a_protected_one_not_by_force(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, DeletionProtection="prevent-force-deletion", LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    name = {"AutoScalingGroupName": group.name}
    delete = group.scaling.delete_auto_scaling_group
    assert refused(delete, **name).startswith("ResourceInUse: You cannot delete an AutoScalingGroup while there are")
    assert "protected from deletion: prevent-force-deletion" in refused(delete, ForceDelete=True, **name)
    group.scaling.update_auto_scaling_group(DeletionProtection="none", **name)
    # By force nobody waits for a hook.
    delete(ForceDelete=True, **name)
    wait_for(
        lambda: not group.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group.name])["AutoScalingGroups"],
        "the group to be gone",
    )


def test_a_group_that_retains_instances_is_not_deleted_by_force(aws: LocalAws, ground: Ground) -> None:
    group = make(aws, ground, InstanceLifecyclePolicy=RETAIN)
    call = group.scaling.delete_auto_scaling_group
    assert "retains instances" in refused(call, AutoScalingGroupName=group.name, ForceDelete=True)


def test_groups_are_found_by_tags_and_in_pages(aws: LocalAws, ground: Ground) -> None:
    mark = next(NAMES)
    tag = {"Key": "holdfast:cluster", "Value": mark, "PropagateAtLaunch": True}
    made = {make(aws, ground, DesiredCapacity=0, Tags=[tag]).name for _ in range(3)}
    scaling = aws.client("autoscaling")
    filters = [{"Name": "tag:holdfast:cluster", "Values": [mark]}]
    pages = list(scaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=filters, MaxRecords=2))
    assert [len(page["AutoScalingGroups"]) for page in pages] == [2, 1]
    assert {group["AutoScalingGroupName"] for page in pages for group in page["AutoScalingGroups"]} == made
    tags = scaling.describe_tags(Filters=[{"Name": "value", "Values": [mark]}])["Tags"]
    assert {each["ResourceId"] for each in tags} == made


def test_every_step_is_announced_in_eventbridges_shape(aws: LocalAws, ground: Ground) -> None:
    url, arn = make_queue(aws, "scaling-events")
    events = aws.client("events")
    name = next(NAMES)
    pattern = {"source": ["aws.autoscaling"], "detail": {"AutoScalingGroupName": [name]}}
    events.put_rule(Name="scaling", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="scaling", Targets=[{"Id": "queue", "Arn": arn}])
    group = Handle(aws, name)
    group.scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=1,
        LaunchTemplate={"LaunchTemplateId": ground.template},
        VPCZoneIdentifier=ground.zones,
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


def test_what_is_not_offered_is_refused_by_name(aws: LocalAws, ground: Ground) -> None:
    scaling = aws.client("autoscaling")
    refusal = refused(scaling.start_instance_refresh, AutoScalingGroupName="any")
    assert "StartInstanceRefresh is not supported by the local AWS" in refusal
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": ground.template}}}
    with pytest.raises(ClientError, match="MixedInstancesPolicy"):
        make(aws, ground, MixedInstancesPolicy=mixed)


def test_a_launch_template_that_does_not_exist_is_refused(aws: LocalAws, ground: Ground) -> None:
    with pytest.raises(ClientError, match="You must use a valid fully-formed launch template"):
        make(aws, ground, LaunchTemplate={"LaunchTemplateId": "lt-00000000000000000"})
