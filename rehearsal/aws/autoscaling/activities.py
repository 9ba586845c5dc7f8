"""Scaling activities: the log of every launch and termination, with the texts that Auto Scaling uses."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rehearsal.aws.autoscaling.model import Activity, Group, new_token

KEPT = 1000
"""How many activities are remembered (the real service keeps six weeks of them)."""


def timestamp(moment: datetime) -> str:
    """A time as it stands in causes and events: seconds, UTC, with a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ActivityLog:
    """The activities of a region, the newest first."""

    def __init__(self) -> None:
        self._activities: list[Activity] = []

    def launching(self, group: Group, now: datetime, subnet_id: str, cause: str) -> Activity:
        """Note that an instance is about to be started."""
        text = f"{cause}  At {timestamp(now)} an instance was started in response to a difference between desired "
        text += f"and actual capacity, increasing the capacity from {group.capacity} to {group.capacity + 1}."
        details = {"Subnet ID": subnet_id, "Availability Zone": group.subnets[subnet_id]}
        return self._add(group, now, "Launching a new EC2 instance", text.strip(), details, "PreInService", 30)

    def terminating(self, group: Group, now: datetime, instance: tuple[str, str, str], reason: str) -> Activity:
        """Note that an instance (id, subnet, zone) is being taken out; the reason starts with "in response to"."""
        instance_id, subnet_id, zone = instance
        text = f"At {timestamp(now)} an instance was taken out of service {reason}."
        details = {"Subnet ID": subnet_id, "Availability Zone": zone}
        return self._add(group, now, f"Terminating EC2 instance: {instance_id}", text, details, "InProgress", 0)

    def moving(self, group: Group, now: datetime, description: str, cause: str) -> Activity:
        """Note an attach, a detach or a move to or from standby."""
        return self._add(group, now, description, f"At {timestamp(now)} {cause}.", {}, "InProgress", 50)

    def waiting(self, activity: Activity, terminating: bool) -> None:
        """The activity's instance waits at a lifecycle hook."""
        activity.status_code = "MidTerminatingLifecycleAction" if terminating else "MidLifecycleAction"
        activity.progress = 60 if terminating else 40

    def finish(self, activity: Activity, now: datetime, status_code: str, message: str | None = None) -> None:
        """End an activity as Successful, Failed or Cancelled, with the reason where there is one."""
        activity.status_code = status_code
        activity.status_message = message
        activity.progress = 100
        activity.end_time = now
        if message and status_code == "Failed":
            activity.description += f".  Status Reason: {message}"

    def find(self, group_name: str | None, ids: list[str]) -> list[Activity]:
        """The activities of a group, or of all, or those with the given ids; the newest first."""
        return [
            activity
            for activity in self._activities
            if (group_name in (None, activity.group_name, activity.group_arn))
            and (not ids or activity.activity_id in ids)
        ]

    def _add(
        self,
        group: Group,
        now: datetime,
        description: str,
        cause: str,
        details: dict[str, str],
        code: str,
        progress: int,
    ) -> Activity:
        activity = Activity(
            activity_id=new_token(),
            group_name=group.name,
            group_arn=group.arn,
            description=description,
            cause=cause,
            start_time=now,
            details=details,
            status_code=code,
            progress=progress,
        )
        self._activities.insert(0, activity)
        del self._activities[KEPT:]
        return activity


def wire(activity: Activity, group_exists: bool = True) -> dict[str, Any]:
    """An activity as DescribeScalingActivities shows it."""
    shown = {
        "ActivityId": activity.activity_id,
        "AutoScalingGroupName": activity.group_name,
        "AutoScalingGroupARN": activity.group_arn,
        "AutoScalingGroupState": None if group_exists else "Deleted",
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.start_time,
        "EndTime": activity.end_time,
        "StatusCode": activity.status_code,
        "StatusMessage": activity.status_message,
        "Progress": activity.progress,
        "Details": json.dumps(activity.details),
    }
    return {key: value for key, value in shown.items() if value is not None}
