"""Raising a slot's Auto Scaling group from no instance to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.instances import SlotGroup
from coordination.outcomes import Done, Request

# Never another one: whoever wrote the size that he wants, and not one more than he read, could take back what
# CloudFormation has raised for an update.
_STARTED = 1


class SlotSizes:
    """The sizes of the slots' groups, through a client of Auto Scaling that repeats no call.

    A repetition could arrive long after the size was read, when CloudFormation has raised it. `connect` makes the
    client, which most calls of the function never need.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect

    def start(self, group: SlotGroup) -> Request:
        """Set the desired capacity of a group, which was just read as 0, to 1.

        Auto Scaling refuses a size below the group's MinSize, so a call that comes too late takes no instance that
        CloudFormation has asked for.
        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetDesiredCapacity.html
        """
        try:
            # A cooldown would refuse the call, and nothing here is a reaction to load.
            self._connect().set_desired_capacity(
                AutoScalingGroupName=group.name, DesiredCapacity=_STARTED, HonorCooldown=False
            )
        except AWS_ERRORS as error:
            return unknown("SetDesiredCapacity", error)
        return Done()
