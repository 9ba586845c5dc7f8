"""What a person asks AWS for in faults that every world makes alike."""

from __future__ import annotations

from typing import Any

from tests.storm.faults import Kind

REFUSALS = frozenset({"ValidationError", "ScalingActivityInProgress", "InvalidInstanceID.NotFound"})
"""What Auto Scaling, EC2 and CloudFormation answer a person who wants what cannot be in that state."""
DISTURBED = 0.25
"""The share of requests to AWS that have trouble."""


def terminate(scaling: Any, instance: str) -> None:
    """Have Auto Scaling terminate an instance, and replace it."""
    scaling.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)


def stand_by(scaling: Any, kind: Kind, group: str, instance: str) -> None:
    """Put an instance into standby, or detach it; another one comes in its place."""
    call = scaling.enter_standby if kind is Kind.STANDBY else scaling.detach_instances
    call(AutoScalingGroupName=group, InstanceIds=[instance], ShouldDecrementDesiredCapacity=False)


def size(scaling: Any, kind: Kind, group: str) -> None:
    """Set a slot's desired capacity to 0, or to 2."""
    wanted = 0 if kind is Kind.DESIRED_ZERO else 2
    scaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=wanted, HonorCooldown=False)
