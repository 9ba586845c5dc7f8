"""The cluster's Auto Scaling groups: which instances they have, in which states, and answers to their hooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from coordination.adapters import activities
from coordination.adapters.errors import AWS_ERRORS, code, message, unknown
from coordination.instances import GroupInstance, Groups, PoolGroup, SlotGroup
from coordination.launches import GroupActivities, Launches
from coordination.names import (
    CLUSTER_TAG,
    CONTROL_PLANE_ROLE,
    POOL_TAG,
    ROLE_TAG,
    SLOT_TAG,
    launching_hook,
    terminating_hook,
)
from coordination.outcomes import Done, Known, NoOp, Reading, Request, Unknown

# Auto Scaling's words for a hook that was completed, or ran out, before; there is no error code of its own for it.
_NO_ACTION_WAITS = "no active lifecycle action"
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html: values of one request's filters.
_FILTER_VALUES = 200
# Auto Scaling's words for an instance that it does not manage: "Instance Id not found - No managed instance found".
_NOT_IN_A_GROUP = "no managed instance found"
# What CloudFormation tags a group with that it makes:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
_STACK_TAG = "aws:cloudformation:stack-id"
_LOGICAL_ID_TAG = "aws:cloudformation:logical-id"


class ClusterGroups:
    """The groups tagged with the cluster's uuid, through clients of Auto Scaling and EC2."""

    def __init__(self, autoscaling: Any, ec2: Any, cluster_uuid: str) -> None:
        self._autoscaling = autoscaling
        self._ec2 = ec2
        self._cluster_uuid = cluster_uuid

    def instances(self) -> Reading[tuple[GroupInstance, ...]]:
        """Every instance of every group of the cluster, ordered by its id: all pages of them or nothing."""
        found = self.groups()
        return found if isinstance(found, Unknown) else Known(found.value.instances)

    def groups(self) -> Reading[Groups]:
        """Every instance of every group of the cluster, the slots and the pools: all pages of them or nothing."""
        instances: list[GroupInstance] = []
        slots: list[SlotGroup] = []
        pools: list[PoolGroup] = []
        tagged = {"Name": f"tag:{CLUSTER_TAG}", "Values": [self._cluster_uuid]}
        try:
            pages = self._autoscaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=[tagged])
            for page in pages:
                for group in page["AutoScalingGroups"]:
                    tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", [])}
                    # The filter asked for nothing else; a group of another cluster must not be touched whatever the
                    # reply says.
                    if tags.get(CLUSTER_TAG) == self._cluster_uuid:
                        instances += _instances(group, tags)
                        slots += _slots(group, tags)
                        pools += _pools(group, tags)
        except AWS_ERRORS as error:
            return unknown("DescribeAutoScalingGroups", error)
        return Known(
            Groups(
                tuple(sorted(instances, key=lambda instance: instance.instance_id)),
                tuple(sorted(slots, key=lambda group: group.slot)),
                tuple(sorted(pools, key=lambda group: group.pool)),
            )
        )

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]:
        """EC2's word for the state of each instance, None for one that EC2 does not know (coordination.termination)."""
        found: dict[str, str | None] = dict.fromkeys(sorted(instance_ids))
        described = self._described(found)
        if isinstance(described, Unknown):
            return described
        found |= {instance["InstanceId"]: instance["State"]["Name"] for instance in described.value}
        return Known(found)

    def addresses(self, instance_ids: Collection[str]) -> Reading[Mapping[str, frozenset[str]]]:
        """The private addresses of each instance, of all its interfaces; none of one that EC2 does not know."""
        found: dict[str, frozenset[str]] = dict.fromkeys(sorted(instance_ids), frozenset())
        described = self._described(found)
        if isinstance(described, Unknown):
            return described
        found |= {instance["InstanceId"]: _private_addresses(instance) for instance in described.value}
        return Known(found)

    def complete(self, instance: GroupInstance) -> Request:
        """Let an instance that a hook holds go on, whichever of its two hooks it is."""
        return self._complete(instance, "CONTINUE")

    def heartbeat(self, instance: GroupInstance) -> Request:
        """Keep a terminating instance held for another heartbeat time-out of the hook."""
        return self._answer_hook(
            "RecordLifecycleActionHeartbeat", self._autoscaling.record_lifecycle_action_heartbeat, instance, {}
        )

    def terminate(self, instance: GroupInstance) -> Request:
        """Have its group start another instance in the place of one that serves or launches."""
        if instance.waits_to_launch:
            return self._complete(instance, "ABANDON")
        return self._terminate(instance.instance_id, decrement=False)

    def terminate_surplus(self, instance: GroupInstance) -> Request:
        """Terminate an instance through its hook, and lower its group's desired capacity by one: none comes instead."""
        return self._terminate(instance.instance_id, decrement=True)

    def terminate_retained(self, instance: GroupInstance) -> Request:
        """Terminate a retained instance.

        It leaves only by this call, which termination protection does not bind:
        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RetentionTriggers.html
        """
        # A retained instance is not part of the desired capacity, so there is nothing to decrement.
        return self._terminate(instance.instance_id, decrement=False)

    def launches(self, group: str) -> Reading[Launches]:
        """How the last launches of a group went."""
        return activities.launches(self._autoscaling, group)

    def activities(self, group: str) -> Reading[GroupActivities]:
        """The same, and since when instances have been launched or terminated."""
        return activities.look(self._autoscaling, group)

    def resume(self, group: str, processes: Collection[str]) -> Request:
        """Resume processes of a group; those that are not suspended go on."""
        try:
            self._autoscaling.resume_processes(AutoScalingGroupName=group, ScalingProcesses=sorted(processes))
        except AWS_ERRORS as error:
            return unknown("ResumeProcesses", error)
        return Done()

    def _complete(self, instance: GroupInstance, result: str) -> Request:
        return self._answer_hook(
            "CompleteLifecycleAction",
            self._autoscaling.complete_lifecycle_action,
            instance,
            {"LifecycleActionResult": result},
        )

    def _terminate(self, instance_id: str, *, decrement: bool) -> Request:
        try:
            self._autoscaling.terminate_instance_in_auto_scaling_group(
                InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
            )
        except AWS_ERRORS as error:
            if code(error) == "ValidationError" and _NOT_IN_A_GROUP in message(error).lower():
                return NoOp(f"{instance_id} is in no group any more")
            return unknown("TerminateInstanceInAutoScalingGroup", error)
        return Done()

    def _described(self, instance_ids: Collection[str]) -> Reading[tuple[Mapping[str, Any], ...]]:
        """What EC2 says of those of the instances that it knows: all pages of it or nothing."""
        found: list[Mapping[str, Any]] = []
        ids = list(instance_ids)
        try:
            for start in range(0, len(ids), _FILTER_VALUES):
                # By a filter: asked for by their ids, one that is not known would hide all the others.
                named = {"Name": "instance-id", "Values": ids[start : start + _FILTER_VALUES]}
                for page in self._ec2.get_paginator("describe_instances").paginate(Filters=[named]):
                    for reservation in page["Reservations"]:
                        found += reservation["Instances"]
        except AWS_ERRORS as error:
            return unknown("DescribeInstances", error)
        return Known(tuple(found))

    def _answer_hook(
        self, operation: str, call: Callable[..., Any], instance: GroupInstance, result: Mapping[str, str]
    ) -> Done | NoOp | Unknown:
        hook = launching_hook if instance.waits_to_launch else terminating_hook
        try:
            call(
                LifecycleHookName=hook(self._cluster_uuid),
                AutoScalingGroupName=instance.group,
                InstanceId=instance.instance_id,
                **result,
            )
        except AWS_ERRORS as error:
            if code(error) == "ValidationError" and _NO_ACTION_WAITS in message(error).lower():
                return NoOp("the hook was completed before")
            return unknown(operation, error)
        return Done()


def _instances(group: Mapping[str, Any], tags: Mapping[str, str]) -> list[GroupInstance]:
    return [
        GroupInstance(
            instance_id=instance["InstanceId"],
            group=group["AutoScalingGroupName"],
            role=tags.get(ROLE_TAG, ""),
            lifecycle_state=instance["LifecycleState"],
            slot=tags.get(SLOT_TAG, ""),
            is_current=_template(instance) == _template(group),
        )
        for instance in group.get("Instances", [])
    ]


def _template(of: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The launch template, and its version, of a group or of one of its instances."""
    found = of.get("LaunchTemplate", {})
    return found.get("LaunchTemplateId"), found.get("Version")


def _slots(group: Mapping[str, Any], tags: Mapping[str, str]) -> list[SlotGroup]:
    if tags.get(ROLE_TAG) != CONTROL_PLANE_ROLE or SLOT_TAG not in tags:
        return []
    return [
        SlotGroup(
            name=group["AutoScalingGroupName"],
            slot=tags[SLOT_TAG],
            min_size=group["MinSize"],
            desired=group["DesiredCapacity"],
            max_size=group["MaxSize"],
            suspended=_suspended(group),
            target_groups=tuple(group.get("TargetGroupARNs", [])),
            stack_id=tags.get(_STACK_TAG, ""),
            logical_id=tags.get(_LOGICAL_ID_TAG, ""),
        )
    ]


def _pools(group: Mapping[str, Any], tags: Mapping[str, str]) -> list[PoolGroup]:
    if POOL_TAG not in tags:
        return []
    return [
        PoolGroup(
            name=group["AutoScalingGroupName"],
            pool=tags[POOL_TAG],
            suspended=_suspended(group),
            min_size=group["MinSize"],
            desired=group["DesiredCapacity"],
            max_size=group["MaxSize"],
        )
    ]


def _suspended(group: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(each["ProcessName"] for each in group.get("SuspendedProcesses", []))


def _private_addresses(instance: Mapping[str, Any]) -> frozenset[str]:
    # A terminated instance has none.
    found = {instance["PrivateIpAddress"]} if instance.get("PrivateIpAddress") else set()
    for interface in instance.get("NetworkInterfaces", []):
        found |= {each["PrivateIpAddress"] for each in interface.get("PrivateIpAddresses", [])}
        found |= {each["Ipv6Address"] for each in interface.get("Ipv6Addresses", [])}
    return frozenset(found)
