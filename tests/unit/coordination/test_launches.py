"""How launches went, from scaling activities as botocore's model of Auto Scaling has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from coordination.adapters.activities import launches, look
from coordination.launches import GroupActivities, Launches, LaunchFailure
from coordination.outcomes import Known, Reading, Unknown

LAUNCHING = "Launching a new EC2 instance"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = {"AutoScalingGroupName": "slot0", "MaxRecords": 20}


def activity(code: str, message: str = "", description: str = LAUNCHING) -> dict[str, Any]:
    shown = {
        "ActivityId": "a-1",
        "AutoScalingGroupName": "slot0",
        "Cause": "At 2026-01-01T00:00:00Z an instance was started",
        "Description": description,
        "StartTime": BEGAN,
        "StatusCode": code,
    }
    return {**shown, "StatusMessage": message} if message else shown


def read(*activities: dict[str, Any]) -> Reading[Launches]:
    make: Any = boto3.client
    client = make("autoscaling", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        stub.add_response("describe_scaling_activities", {"Activities": list(activities)}, REQUEST)
        return launches(client, "slot0")


def test_the_failures_since_the_last_success_are_read_the_newest_first() -> None:
    found = read(
        activity("PreInService"),
        activity("Failed", "The key does not exist. Launching EC2 instance failed."),
        activity("Successful", description="Terminating EC2 instance: i-1"),
        activity("Cancelled", "Instance failed to complete user's Lifecycle Action"),
        activity("Successful"),
        activity("Failed", "long ago"),
    )
    assert found == Known(
        Launches(
            (
                LaunchFailure("The key does not exist. Launching EC2 instance failed.", no_room=False),
                LaunchFailure("Instance failed to complete user's Lifecycle Action", no_room=False, abandoned=True),
            )
        )
    )


@pytest.mark.parametrize(
    "message",
    [
        # as the pages that the adapter cites have them
        "We currently do not have sufficient m7i.large capacity in the Availability Zone you requested (us-east-1a). "
        "Our system will be working on provisioning additional capacity. Launching EC2 instance failed.",
        "The requested reservation does not have sufficient compatible and available capacity for this request. "
        "Launching EC2 instance failed.",
        "There is no Spot capacity available that matches your request. Launching EC2 instance failed.",
        "5 instance(s) are already running. Launching EC2 instance failed.",
        "There is not enough capacity on the Dedicated Host to launch or start the instance.",
        # as people have met them
        "Insufficient capacity. Launching EC2 instance failed.",
        "Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your "
        "current vCPU limit of 1958 allows for the instance bucket that the specified instance type belongs to.",
        "Could not launch On-Demand Instances. InsufficientInstanceCapacity - there is none",
        "You do not have a host with a matching configuration and sufficient capacity. Either target a host resource "
        "group that can automatically allocate hosts on your behalf, or manually allocate a new host to your account.",
        "Dedicated host h-04cdeb3857121b990 has insufficient capacity to launch the instances in this request.",
    ],
)
def test_a_launch_found_no_room_where_ec2_says(message: str) -> None:
    assert read(activity("Failed", message)) == Known(Launches((LaunchFailure(message, no_room=True),)))


@pytest.mark.parametrize(
    "message",
    [
        "The key pair demo does not exist. Launching EC2 instance failed.",
        "Your requested instance type (m7i.large) is not supported in your requested Availability Zone (us-east-1e).",
        "Client.InternalError: Client error on launch.",
        "You do not have sufficient permissions to launch this. Launching EC2 instance failed.",
        "Access denied when attempting to assume role arn:aws:iam::123456789012:role/x.",
    ],
)
def test_a_launch_failed_for_another_reason_where_ec2_says(message: str) -> None:
    assert read(activity("Failed", message)) == Known(Launches((LaunchFailure(message, no_room=False),)))


def test_an_abandoned_launch_has_had_room_whatever_its_words() -> None:
    (failure,) = _failures(read(activity("Cancelled", "insufficient capacity")))
    assert (failure.no_room, failure.abandoned) == (False, True)


def test_a_failure_without_a_message_is_one_all_the_same() -> None:
    assert _failures(read(activity("Failed"))) == (LaunchFailure("Failed", no_room=False),)


def test_activities_that_cannot_be_read_are_unknown_and_no_success() -> None:
    make: Any = boto3.client
    client = make("autoscaling", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        stub.add_client_error("describe_scaling_activities", "AccessDenied", "no")
        assert launches(client, "slot0") == Unknown("DescribeScalingActivities: AccessDenied: no", "AccessDenied")


def _failures(found: Reading[Launches]) -> tuple[LaunchFailure, ...]:
    assert isinstance(found, Known)
    return found.value.failures


def looked(*activities: dict[str, Any]) -> Reading[GroupActivities]:
    make: Any = boto3.client
    client = make("autoscaling", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        asked = {"AutoScalingGroupName": "slot0", "MaxRecords": 100}
        stub.add_response("describe_scaling_activities", {"Activities": list(activities)}, asked)
        return look(client, "slot0")


def test_since_when_an_instance_is_held_is_what_the_activity_that_has_not_ended_says() -> None:
    began = int(BEGAN.timestamp())
    found = looked(
        activity("MidTerminatingLifecycleAction", description="Terminating EC2 instance: i-1"),
        activity("MidLifecycleAction", description=f"{LAUNCHING}: i-2"),
        activity("Successful", description=f"{LAUNCHING}: i-1"),
        activity("Cancelled", "the hook was abandoned", description=f"{LAUNCHING}: i-3"),
    )
    # A launch that went well came before: what failed since is the last one.
    assert found == Known(GroupActivities(Launches(), {"i-1": began, "i-2": began}))


def test_the_newest_activity_of_an_instance_counts() -> None:
    later = activity("InProgress", description="Terminating EC2 instance: i-1") | {
        "StartTime": BEGAN + timedelta(hours=1)
    }
    found = looked(later, activity("InProgress", description="Moving EC2 instance out of Standby: i-1"))
    assert isinstance(found, Known)
    assert found.value.since == {"i-1": int(BEGAN.timestamp()) + 3600}
