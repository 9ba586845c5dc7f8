"""Auto Scaling groups of the tests: how one is made, looked at and waited for."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.waiting import wait_for

LAUNCH = {"LifecycleHookName": "launching", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
TERMINATE = {"LifecycleHookName": "terminating", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}
RETAIN = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
NAMES = (f"group-{number}" for number in itertools.count())


class ScalingGroup:
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


def make(aws: LocalAws, network: LaunchNetwork, **settings: Any) -> ScalingGroup:
    handle = ScalingGroup(aws, next(NAMES))
    request = {
        "MinSize": 0,
        "MaxSize": 4,
        "DesiredCapacity": 1,
        "LaunchTemplate": {"LaunchTemplateId": network.template, "Version": "$Latest"},
        "VPCZoneIdentifier": network.zones,
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


def delete_all(aws: LocalAws) -> None:
    """Delete every group: the clock of these tests is fast, and groups that time out and relaunch are work."""
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
