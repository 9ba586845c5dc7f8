"""Scaling activities of a group: how its last launches went, and why those failed that did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.launches import Launches, LaunchFailure
from coordination.outcomes import Known, Reading

# Newest first: enough for a loop to be seen among the terminations between its launches.
_MOST_ACTIVITIES = 20
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
    try:
        found = autoscaling.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=_MOST_ACTIVITIES)
    except AWS_ERRORS as error:
        return unknown("DescribeScalingActivities", error)
    failures: list[LaunchFailure] = []
    for activity in found["Activities"]:
        if not activity["Description"].startswith(_LAUNCHING):
            continue
        if activity["StatusCode"] == _SUCCESSFUL:
            break
        if activity["StatusCode"] in (_FAILED, _CANCELLED):
            failures.append(_failure(activity))
    return Known(Launches(tuple(failures)))


def _failure(activity: Mapping[str, Any]) -> LaunchFailure:
    reason = str(activity.get("StatusMessage") or activity["StatusCode"])
    refused = activity["StatusCode"] == _FAILED
    return LaunchFailure(
        reason=reason,
        no_room=refused and _NO_ROOM.search(reason) is not None,
        abandoned=not refused,
    )
