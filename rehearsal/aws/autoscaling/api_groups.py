"""The operations on groups: create, update, delete, describe, capacity and suspended processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.autoscaling import activities, requests, views
from rehearsal.aws.autoscaling.activities import timestamp
from rehearsal.aws.autoscaling.api_base import AutoScalingBase, page
from rehearsal.aws.autoscaling.launching import resolve
from rehearsal.aws.autoscaling.model import PROCESSES, Group, State, new_token
from rehearsal.aws.autoscaling.requests import invalid
from rehearsal.aws.autoscaling.worker import Scaling, user_request
from rehearsal.aws.protocol import RequestContext, ServiceError

SETTINGS = frozenset(views.SHOWN_SETTINGS) - {"ServiceLinkedRoleARN", "DesiredCapacityType"}
"""Settings that are kept as they were given."""
HANDLED = frozenset(
    {"AutoScalingGroupName", "LaunchTemplate", "MinSize", "MaxSize", "DesiredCapacity", "VPCZoneIdentifier"}
)
"""What create and update both look at themselves."""
CREATED_WITH = SETTINGS | HANDLED | {"LifecycleHookSpecificationList", "Tags", "TargetGroupARNs", "AvailabilityZones"}
DEFAULTS: Mapping[str, Any] = {
    "DefaultCooldown": 300,
    "HealthCheckGracePeriod": 0,
    "HealthCheckType": "EC2",
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
    "CapacityRebalance": False,
    "DeletionProtection": "none",
}
"""Auto Scaling's defaults (API reference of CreateAutoScalingGroup)."""


class GroupOperations(AutoScalingBase):
    """Groups as a whole."""

    def create_auto_scaling_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        name = request["AutoScalingGroupName"]
        requests.refuse_unknown(request, CREATED_WITH)
        desired = request.get("DesiredCapacity")
        desired = request["MinSize"] if desired is None else desired
        requests.check_sizes(request["MinSize"], request["MaxSize"], desired)
        settings = {**DEFAULTS, **{key: request[key] for key in SETTINGS if request.get(key) is not None}}
        requests.check_settings(settings)
        template = self._launch_template(context, request.get("LaunchTemplate"))
        subnets = self._subnets(context, request.get("VPCZoneIdentifier"), request.get("AvailabilityZones"))
        hooks = [requests.hook(item) for item in request.get("LifecycleHookSpecificationList") or ()]
        arn_start = f"arn:{context.partition}:autoscaling:{context.region}:{context.account_id}"
        role = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        settings["ServiceLinkedRoleARN"] = f"arn:{context.partition}:iam::{context.account_id}:role/{role}"
        now = scaling.clock.now()
        changing = f"created an AutoScalingGroup changing the desired capacity from 0 to {desired}"
        group = Group(
            name=name,
            arn=f"{arn_start}:autoScalingGroup:{new_token()}:autoScalingGroupName/{name}",
            min_size=request["MinSize"],
            max_size=request["MaxSize"],
            desired_capacity=desired,
            launch_template=template,
            subnets=subnets,
            created_at=now,
            settings=settings,
            tags=requests.tags(request.get("Tags") or ()),
            hooks={hook.name: hook for hook in hooks},
            target_group_arns=list(request.get("TargetGroupARNs") or ()),
            capacity_cause=user_request(now, changing),
        )
        new_role = self.role_just_made(context.region)
        with scaling.lock:
            if name in scaling.groups:
                raise ServiceError(
                    "AlreadyExists",
                    f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
                    400,
                )
            scaling.groups[name] = group
            scaling.new_role = new_role or scaling.new_role
        scaling.wake()
        return {}

    def update_auto_scaling_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        requests.refuse_unknown(request, SETTINGS | HANDLED)
        template = self._launch_template(context, request["LaunchTemplate"]) if request.get("LaunchTemplate") else None
        given = request.get("VPCZoneIdentifier")
        subnets = self._subnets(context, given, None) if given else None
        with scaling.lock:
            group = self._changeable(scaling, request["AutoScalingGroupName"])
            minimum = _given(request, "MinSize", group.min_size)
            maximum = _given(request, "MaxSize", group.max_size)
            # A limit that passes the desired capacity takes it along, unless the caller names one.
            desired = _given(request, "DesiredCapacity", max(minimum, min(maximum, group.desired_capacity)))
            requests.check_sizes(minimum, maximum, desired)
            settings = {**group.settings, **{key: request[key] for key in SETTINGS if request.get(key) is not None}}
            requests.check_settings(settings)
            if desired != group.desired_capacity:
                limits = f"update of AutoScalingGroup constraints to min: {minimum}, max: {maximum}, desired: {desired}"
                what = f"{limits} changing the desired capacity from {group.desired_capacity} to {desired}"
                group.capacity_cause = user_request(scaling.clock.now(), what)
            group.min_size, group.max_size, group.desired_capacity = minimum, maximum, desired
            group.settings = settings
            group.launch_template = template or group.launch_template
            group.subnets = subnets or group.subnets
            group.failed_launches, group.launch_not_before = 0, 0.0
        scaling.wake()
        return {}

    def delete_auto_scaling_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        force = bool(request.get("ForceDelete"))
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            protection = group.settings["DeletionProtection"]
            if protection == "prevent-all-deletion" or (force and protection == "prevent-force-deletion"):
                raise invalid(f"Auto Scaling group {group.name} is protected from deletion: {protection}")
            if force and group.retains_abandoned:
                raise invalid(
                    f"Auto Scaling group {group.name} cannot be force deleted while its instance lifecycle policy "
                    "retains instances"
                )
            if force:
                group.deleting = True
                group.min_size = group.max_size = group.desired_capacity = 0
            elif group.members:
                raise ServiceError(
                    "ResourceInUse",
                    "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                    "request(s) still in the group.",
                    400,
                )
            elif group.starting:
                raise ServiceError(
                    "ScalingActivityInProgress",
                    "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that "
                    "group.",
                    400,
                )
            else:
                del scaling.groups[group.name]
        scaling.wake()
        return {}

    def describe_auto_scaling_groups(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        names = request.get("AutoScalingGroupNames") or []
        filters = request.get("Filters") or []
        with_instances = request.get("IncludeInstances") is not False
        with scaling.lock:
            chosen = [
                group
                for group in scaling.groups.values()
                if (not names or group.name in names or group.arn in names)
                and all(_matches(group, item) for item in filters)
            ]
            groups, following = page([views.group(group, with_instances) for group in chosen], request, 50)
        return {"AutoScalingGroups": groups, **following}

    def set_desired_capacity(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self._changeable(scaling, request["AutoScalingGroupName"])
            desired = request["DesiredCapacity"]
            for limit, word, beyond in (
                (group.max_size, "above max", desired > group.max_size),
                (group.min_size, "below min", desired < group.min_size),
            ):
                if beyond:
                    raise invalid(
                        f"New SetDesiredCapacity value {desired} is {word} value {limit} for the AutoScalingGroup."
                    )
            what = f"explicitly set group desired capacity changing the desired capacity from {group.desired_capacity}"
            group.capacity_cause = user_request(scaling.clock.now(), f"{what} to {desired}")
            group.desired_capacity = desired
        scaling.wake()
        return {}

    def suspend_processes(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        named = requests.processes(request)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            for process in named:
                group.suspended.setdefault(process, f"User suspended at {timestamp(scaling.clock.now())}")
        return {}

    def resume_processes(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        named = requests.processes(request)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            for process in named:
                group.suspended.pop(process, None)
        scaling.wake()
        return {}

    def describe_scaling_process_types(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"Processes": [{"ProcessName": process} for process in PROCESSES]}

    def describe_scaling_activities(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            name = request.get("AutoScalingGroupName")
            if name and not request.get("IncludeDeletedGroups"):
                name = self.group(scaling, name).name
            found = scaling.log.find(name, request.get("ActivityIds") or [])
            shown, following = page(found, request, 100)
            existing = {group.arn for group in scaling.groups.values()}
            wired = [activities.wire(activity, activity.group_arn in existing) for activity in shown]
        return {"Activities": wired, **following}

    def describe_account_limits(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        groups = len(self.scaling(context).groups)
        return {
            "MaxNumberOfAutoScalingGroups": 500,
            "MaxNumberOfLaunchConfigurations": 200,
            "NumberOfAutoScalingGroups": groups,
            "NumberOfLaunchConfigurations": 0,
        }

    def attach_load_balancer_target_groups(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self._changeable(scaling, request["AutoScalingGroupName"])
            added = [arn for arn in request["TargetGroupARNs"] if arn not in group.target_group_arns]
            group.target_group_arns += added
            serving = [member.instance_id for member in group.members.values() if member.state is State.IN_SERVICE]
        for instance_id in serving:
            scaling.moves.targets.register(added, instance_id)
        return {}

    def detach_load_balancer_target_groups(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self._changeable(scaling, request["AutoScalingGroupName"])
            removed = [arn for arn in request["TargetGroupARNs"] if arn in group.target_group_arns]
            group.target_group_arns = [arn for arn in group.target_group_arns if arn not in removed]
            instance_ids = list(group.members)
        for instance_id in instance_ids:
            scaling.moves.targets.deregister(removed, instance_id)
        return {}

    def enable_metrics_collection(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        group = self.group(self.scaling(context), request["AutoScalingGroupName"])
        group.metrics |= set(request.get("Metrics") or GROUP_METRICS)
        return {}

    def disable_metrics_collection(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        group = self.group(self.scaling(context), request["AutoScalingGroupName"])
        group.metrics -= set(request.get("Metrics") or GROUP_METRICS)
        return {}

    def _changeable(self, scaling: Scaling, name: str) -> Group:
        group = self.group(scaling, name)
        if group.deleting:
            raise ServiceError(
                "ScalingActivityInProgress", f"AutoScalingGroup {group.name} has a deletion in progress", 400
            )
        return group

    def _launch_template(self, context: RequestContext, given: dict[str, Any] | None) -> dict[str, str]:
        """The launch template by id, name and version as it was asked for; one that EC2 does not know is refused."""
        if not given:
            raise invalid(
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
                "MixedInstancesPolicy parameter."
            )
        try:
            found = resolve(self.client("ec2", context.region), given)
        except ClientError as error:
            reason = error.response["Error"]["Message"]
            raise invalid(f"You must use a valid fully-formed launch template. {reason}") from error
        return {
            "LaunchTemplateId": found["LaunchTemplateId"],
            "LaunchTemplateName": found["LaunchTemplateName"],
            "Version": given.get("Version") or "$Default",
        }

    def _subnets(self, context: RequestContext, given: str | None, zones: list[str] | None) -> dict[str, str]:
        """The zone of each subnet, in the order given."""
        wanted = [subnet.strip() for subnet in (given or "").split(",") if subnet.strip()]
        if not wanted:
            raise invalid("At least one subnet must be specified: VPCZoneIdentifier is empty")
        try:
            found = self.client("ec2", context.region).describe_subnets(SubnetIds=wanted)["Subnets"]
        except ClientError as error:
            raise invalid(f"{error.response['Error']['Message']}") from error
        by_id = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in found}
        placed = {subnet: by_id[subnet] for subnet in wanted}
        if zones and set(zones) != set(placed.values()):
            raise invalid("The availability zones of the specified subnets and the Auto Scaling group do not match")
        return placed


GROUP_METRICS = (
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupMaxSize",
    "GroupMinSize",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
)
"""What MetricsCollection without a list enables. Only the setting is kept: nothing measures here."""


def _given(request: Mapping[str, Any], key: str, otherwise: int) -> int:
    value = request.get(key)
    return otherwise if value is None else int(value)


def _matches(group: Group, item: Mapping[str, Any]) -> bool:
    """Whether a group passes one filter of DescribeAutoScalingGroups."""
    name, values = item.get("Name") or "", item.get("Values") or []
    if name == "tag-key":
        return any(key in values for key in group.tags)
    if name == "tag-value":
        return any(tag.value in values for tag in group.tags.values())
    if name.startswith("tag:"):
        tag = group.tags.get(name.removeprefix("tag:"))
        return tag is not None and tag.value in values
    raise invalid(f"Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>")
