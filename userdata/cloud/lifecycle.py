"""This instance's place in its Auto Scaling group: the launch hook, and the stack that waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, code, message, unknown
from coordination.instances import GroupInstance
from coordination.names import launching_hook
from coordination.outcomes import Done, Known, NoOp, Reading, Request, Unknown

# Words of Auto Scaling and CloudFormation for what is over; neither has an error code of its own for it.
_NO_ACTION_WAITS = "no active lifecycle action"
_VALIDATION = "ValidationError"


class OwnAutoScalingGroup:
    """The group of the instance `instance_id`, through a client of Auto Scaling."""

    def __init__(self, autoscaling: Any, cluster_uuid: str, instance_id: str) -> None:
        self._client = autoscaling
        self._hook = launching_hook(cluster_uuid)
        self._instance_id = instance_id
        self._group = ""

    def place(self) -> Reading[GroupInstance | None]:
        """Where the group has this instance; None if no group has it."""
        try:
            answer = self._client.describe_auto_scaling_instances(InstanceIds=[self._instance_id])
        except AWS_ERRORS as error:
            return unknown("DescribeAutoScalingInstances", error)
        for each in answer["AutoScalingInstances"]:
            self._group = each["AutoScalingGroupName"]
            return Known(GroupInstance(self._instance_id, self._group, "", each["LifecycleState"]))
        return Known(None)

    def complete_launch(self) -> Request:
        """This node serves: put it into service."""
        return self._answer("CompleteLifecycleAction", LifecycleActionResult="CONTINUE")

    def abandon_launch(self) -> Request:
        """This node will never serve: terminate it, and launch another one."""
        return self._answer("CompleteLifecycleAction", LifecycleActionResult="ABANDON")

    def heartbeat(self) -> Request:
        """This node still works on it: wait for another heartbeat time-out of the hook."""
        return self._answer("RecordLifecycleActionHeartbeat")

    def _answer(self, operation: str, **result: str) -> Request:
        if not self._group:
            place = self.place()
            if isinstance(place, Unknown):
                return place
            if place.value is None:
                return NoOp("no Auto Scaling group has this instance")
        calls: dict[str, Callable[..., Any]] = {
            "CompleteLifecycleAction": self._client.complete_lifecycle_action,
            "RecordLifecycleActionHeartbeat": self._client.record_lifecycle_action_heartbeat,
        }
        try:
            calls[operation](
                LifecycleHookName=self._hook,
                AutoScalingGroupName=self._group,
                InstanceId=self._instance_id,
                **result,
            )
        except AWS_ERRORS as error:
            if code(error) == _VALIDATION and _NO_ACTION_WAITS in message(error).lower():
                return NoOp("no hook holds this instance")
            return unknown(operation, error)
        return Done()


class StackSignals:
    """The stack `stack`, which may wait for the instance `instance_id`, through a client of CloudFormation."""

    def __init__(self, cloudformation: Any, stack: str, instance_id: str) -> None:
        self._client = cloudformation
        self._stack = stack
        self._instance_id = instance_id

    def signal(self, resource: str) -> Request:
        """Tell the stack that this instance serves.

        NoOp where it does not wait for `resource` now; whether it will, or did, CloudFormation does not say.
        """
        try:
            self._client.signal_resource(
                StackName=self._stack, LogicalResourceId=resource, UniqueId=self._instance_id, Status="SUCCESS"
            )
        except AWS_ERRORS as error:
            if code(error) == _VALIDATION:
                return NoOp(f"the stack does not wait for {resource}")
            return unknown("SignalResource", error)
        return Done()
