"""Launches of a cluster's instances that failed while an operation goes on: CloudFormation shows none of their reasons.

A slot's instance that does not start is no failure of a resource: Auto Scaling tries again, and CloudFormation waits.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import aws
from deployment.retained import TAG

SLOT_TAG = "holdfast:slot"
POOL_TAG = "holdfast:pool"
# What every scaling activity begins with that starts an instance, and how one ends that did not.
_LAUNCH = "Launching a new EC2 instance"
_FAILED = {"Failed", "Cancelled"}
_PAUSE_SECONDS = 15.0
# Of each group: more than an operation of an hour can fail to launch.
_NEWEST = 100


@dataclass
class FailedLaunches:
    """Tells each failed launch in the groups of the cluster `uuid` once. What cannot be asked is told, too, once."""

    autoscaling: Any
    uuid: str
    say: Callable[[str], None] = print
    _told: set[str] = field(default_factory=set)
    _due: float = 0.0

    def tell(self, begun: datetime.datetime, seconds: float, *, last: bool = False) -> None:
        """Tell those that began after `begun`, `seconds` after the operation did; at most every 15 seconds, or `last`.

        They explain an operation and decide nothing, so no error of theirs ends it.
        """
        if seconds < self._due and not last:
            return
        self._due = seconds + _PAUSE_SECONDS
        try:
            found = [each for group in self._groups() for each in self._failed(group, begun)]
        except (ClientError, BotoCoreError) as error:
            reason = aws.message(error) if isinstance(error, ClientError) else str(error)
            self._once("", f"whether launches have failed is unknown: {reason}", seconds)
            return
        for identity, line in found:
            self._once(identity, line, seconds)

    def _once(self, identity: str, line: str, seconds: float) -> None:
        if identity not in self._told:
            self._told.add(identity)
            self.say(f"{seconds:7.1f} s  {'LAUNCH_FAILED':<28} {line}")

    def _groups(self) -> Iterator[dict[str, Any]]:
        tagged = {"Name": f"tag:{TAG}", "Values": [self.uuid]}
        for page in self.autoscaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=[tagged]):
            yield from page["AutoScalingGroups"]

    def _failed(self, group: dict[str, Any], begun: datetime.datetime) -> Iterator[tuple[str, str]]:
        """Id and line of each failed launch, the oldest first."""
        answer = self.autoscaling.describe_scaling_activities(
            AutoScalingGroupName=group["AutoScalingGroupName"], MaxRecords=_NEWEST
        )
        for activity in reversed(answer["Activities"]):
            failed = activity["StatusCode"] in _FAILED and activity["Description"].startswith(_LAUNCH)
            if failed and activity["StartTime"] >= begun:
                yield activity["ActivityId"], f"{_name(group)}: {activity.get('StatusMessage', 'no reason given')}"


def _name(group: dict[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    if SLOT_TAG in tags:
        return f"slot {tags[SLOT_TAG]}"
    return f"pool {tags[POOL_TAG]}" if POOL_TAG in tags else str(group["AutoScalingGroupName"])
