"""Scaling activities of a group: how its last launches went, and why those failed that did."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.launches import GroupActivities, Launches, LaunchFailure
from coordination.outcomes import Known, Reading, Unknown

# Newest first: enough for a loop to be seen among the terminations between its launches.
_MOST_ACTIVITIES = 20
# What one request takes at most: an instance may be held while others of its group come and go.
_ALL_ACTIVITIES = 100
_LAUNCHING = "Launching a new EC2 instance"
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html. An abandoned launch hook cancels a launch.
_SUCCESSFUL, _FAILED, _CANCELLED = "Successful", "Failed", "Cancelled"

# Auto Scaling tells of EC2's message, and only sometimes of its error code, so both are looked for. Codes:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
# Messages: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html
_NO_ROOM = re.compile(
    "|".join(
        (
            # no capacity
            "InsufficientInstanceCapacity",
            "InsufficientReservedInstanceCapacity",
            "insufficient capacity",
            "not enough capacity",
            r"sufficient [\w.-]* ?capacity in the Availability Zone",
            "does not have sufficient compatible and available capacity",
            "no Spot capacity available",
            # no dedicated host, also in a host resource group
            "InsufficientHostCapacity",
            "InsufficientCapacityOnHost",
            "do not have a host with a matching configuration and sufficient capacity",
            # a quota
            "VcpuLimitExceeded",
            "requested more vCPU capacity than your current vCPU limit",
            "InstanceLimitExceeded",
            "requested more instances .* than your current instance limit",
            r"instance\(s\) are already running",
            "HostLimitExceeded",
            "MaxSpotInstanceCountExceeded",
            # no address
            "InsufficientFreeAddressesInSubnet",
            "not enough free addresses in subnet",
        )
    ),
    re.IGNORECASE,
)


def launches(autoscaling: Any, group: str) -> Reading[Launches]:
    """How the last launches of a group went, through a client of Auto Scaling."""
    found = _read(autoscaling, group, _MOST_ACTIVITIES)
    return found if isinstance(found, Unknown) else Known(_launches(found.value))


def look(autoscaling: Any, group: str) -> Reading[GroupActivities]:
    """The same, and since when instances of the group have been launched or terminated.

    Auto Scaling tells of no instance since when it is in its lifecycle state: the activity's start is the next thing.
    """
    found = _read(autoscaling, group, _ALL_ACTIVITIES)
    if isinstance(found, Unknown):
        return found
    # "Launching a new EC2 instance: i-0123456789abcdef0"; before there is an instance, it names none. The newest first.
    since = {
        activity["Description"].rpartition(" ")[2]: int(activity["StartTime"].timestamp())
        for activity in reversed(found.value)
        if activity["StatusCode"] not in (_SUCCESSFUL, _FAILED, _CANCELLED)
    }
    return Known(GroupActivities(_launches(found.value), since))


def _read(autoscaling: Any, group: str, most: int) -> Reading[Sequence[Mapping[str, Any]]]:
    try:
        return Known(autoscaling.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=most)["Activities"])
    except AWS_ERRORS as error:
        return unknown("DescribeScalingActivities", error)


def _launches(activities: Sequence[Mapping[str, Any]]) -> Launches:
    failures: list[LaunchFailure] = []
    for activity in activities:
        if not activity["Description"].startswith(_LAUNCHING):
            continue
        if activity["StatusCode"] == _SUCCESSFUL:
            break
        if activity["StatusCode"] in (_FAILED, _CANCELLED):
            failures.append(_failure(activity))
    return Launches(tuple(failures))


def _failure(activity: Mapping[str, Any]) -> LaunchFailure:
    reason = str(activity.get("StatusMessage") or activity["StatusCode"])
    refused = activity["StatusCode"] == _FAILED
    return LaunchFailure(
        reason=reason,
        no_room=refused and _NO_ROOM.search(reason) is not None,
        abandoned=not refused,
    )
