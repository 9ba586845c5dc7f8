"""The events that Auto Scaling sends to EventBridge, in the shapes of its event reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.autoscaling.activities import timestamp
from rehearsal.aws.autoscaling.model import Activity, Group, LifecycleAction, Transition

Notice = tuple[str, dict[str, Any]]
"""An event's detail-type and detail."""


def lifecycle_action(group: Group, instance_id: str, action: LifecycleAction) -> Notice:
    """An instance waits at a hook."""
    launching = action.hook.transition is Transition.LAUNCHING
    detail: dict[str, Any] = {
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": action.hook.name,
        "EC2InstanceId": instance_id,
        "LifecycleTransition": str(action.hook.transition),
    }
    if action.hook.notification_metadata is not None:
        detail["NotificationMetadata"] = action.hook.notification_metadata
    detail |= _route(launching)
    return f"EC2 Instance-{'launch' if launching else 'terminate'} Lifecycle Action", detail


def scaling_result(activity: Activity, instance_id: str, launching: bool, successful: bool) -> Notice:
    """A launch or a termination has ended."""
    detail: dict[str, Any] = {
        "StatusCode": "InProgress" if successful else "Failed",
        "AutoScalingGroupName": activity.group_name,
        "ActivityId": activity.activity_id,
        "RequestId": activity.activity_id,
        "Details": _details(activity.details),
        "StatusMessage": activity.status_message or "",
        "EC2InstanceId": instance_id,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": timestamp(activity.start_time),
        "EndTime": timestamp(activity.end_time or activity.start_time),
    }
    detail |= _route(launching)
    verb = "Launch" if launching else "Terminate"
    return f"EC2 Instance {verb} {'Successful' if successful else 'Unsuccessful'}", detail


def _route(launching: bool) -> dict[str, str]:
    ends = ("EC2", "AutoScalingGroup") if launching else ("AutoScalingGroup", "EC2")
    return dict(zip(("Origin", "Destination"), ends, strict=True))


def _details(details: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(details.items()))
