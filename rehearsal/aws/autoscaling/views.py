"""Groups, instances, hooks and tags as the API shows them."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.autoscaling.model import Group, Hook, Member, Tag

SHOWN_SETTINGS = (
    "AvailabilityZoneDistribution",
    "CapacityRebalance",
    "Context",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "DeletionProtection",
    "DesiredCapacityType",
    "HealthCheckGracePeriod",
    "HealthCheckType",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "NewInstancesProtectedFromScaleIn",
    "PlacementGroup",
    "ServiceLinkedRoleARN",
    "TerminationPolicies",
)
"""Settings that are kept as given and shown as given."""


def group(shown: Group, with_instances: bool = True) -> dict[str, Any]:
    """The API shape `AutoScalingGroup`."""
    view: dict[str, Any] = {
        "AutoScalingGroupName": shown.name,
        "AutoScalingGroupARN": shown.arn,
        "LaunchTemplate": shown.launch_template,
        "MinSize": shown.min_size,
        "MaxSize": shown.max_size,
        "DesiredCapacity": shown.desired_capacity,
        "AvailabilityZones": sorted(set(shown.subnets.values())),
        "LoadBalancerNames": [],
        "TargetGroupARNs": list(shown.target_group_arns),
        "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in shown.target_group_arns],
        "Instances": [instance(member) for member in shown.members.values()] if with_instances else [],
        "CreatedTime": shown.created_at,
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": reason} for name, reason in sorted(shown.suspended.items())
        ],
        "VPCZoneIdentifier": ",".join(shown.subnets),
        "EnabledMetrics": [{"Metric": metric, "Granularity": "1Minute"} for metric in sorted(shown.metrics)],
        "Tags": [tag(shown.name, item) for item in shown.tags.values()],
    }
    view |= {name: shown.settings[name] for name in SHOWN_SETTINGS if shown.settings.get(name) is not None}
    if shown.deleting:
        view["Status"] = "Delete in progress"
    return view


def instance(member: Member) -> dict[str, Any]:
    """The API shape `Instance`."""
    view: dict[str, Any] = {
        "InstanceId": member.instance_id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.availability_zone,
        "LifecycleState": str(member.state),
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "ProtectedFromScaleIn": member.protected_from_scale_in,
    }
    if member.template is not None:
        view["LaunchTemplate"] = {
            "LaunchTemplateId": member.template.template_id,
            "LaunchTemplateName": member.template.template_name,
            "Version": member.template.version,
        }
    return view


def instance_details(owner: Group, member: Member) -> dict[str, Any]:
    """The API shape `AutoScalingInstanceDetails`, whose health is in capitals."""
    view = instance(member)
    return {**view, "AutoScalingGroupName": owner.name, "HealthStatus": view["HealthStatus"].upper()}


def hook(owner: Group, shown: Hook) -> dict[str, Any]:
    """The API shape `LifecycleHook`."""
    view = {
        "LifecycleHookName": shown.name,
        "AutoScalingGroupName": owner.name,
        "LifecycleTransition": str(shown.transition),
        "NotificationTargetARN": shown.notification_target_arn,
        "RoleARN": shown.role_arn,
        "NotificationMetadata": shown.notification_metadata,
        "HeartbeatTimeout": shown.heartbeat_timeout_seconds,
        "GlobalTimeout": shown.global_timeout_seconds,
        "DefaultResult": str(shown.default_result),
    }
    return {key: value for key, value in view.items() if value is not None}


def tag(group_name: str, shown: Tag) -> dict[str, Any]:
    """The API shape `TagDescription`."""
    return {
        "ResourceId": group_name,
        "ResourceType": "auto-scaling-group",
        "Key": shown.key,
        "Value": shown.value,
        "PropagateAtLaunch": shown.propagate_at_launch,
    }
