"""Failed launches of a cluster's instances, as a person sees them while an operation goes on."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from deployment.launches import FailedLaunches
from tests.unit.deployment.fakes import Paginator

BEGUN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
UUID = "0f1e2d3c"


def activity(number: int, status: str = "Failed", *, text: str = "Launching a new EC2 instance") -> dict[str, Any]:
    """The activity with this number, which is also its second."""
    return {
        "ActivityId": f"activity-{number}",
        "Description": f"{text}: i-{number}",
        "StatusCode": status,
        "StatusMessage": f"reason {number}",
        "StartTime": BEGUN + datetime.timedelta(seconds=number),
    }


class AutoScaling:
    """Groups with activities, the newest first; a fake, because the test decides what fails and when."""

    def __init__(self, *groups: tuple[str, dict[str, str], list[dict[str, Any]]]) -> None:
        self.groups = groups
        self.broken = False
        self.asked = 0

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_auto_scaling_groups"
        return self

    def paginate(self, Filters: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        self.asked += 1
        if self.broken:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeAutoScalingGroups")
        assert Filters == [{"Name": "tag:holdfast:cluster", "Values": [UUID]}]
        found = [
            {"AutoScalingGroupName": name, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            for name, tags, _ in self.groups
        ]
        yield from Paginator([{"AutoScalingGroups": found}]).paginate()

    def describe_scaling_activities(self, AutoScalingGroupName: str, MaxRecords: int) -> dict[str, Any]:
        (found,) = (activities for name, _, activities in self.groups if name == AutoScalingGroupName)
        return {"Activities": found[:MaxRecords]}


SLOT = {"holdfast:slot": "1"}
POOL = {"holdfast:pool": "general"}


def test_each_failed_launch_is_told_once_with_its_reason_the_oldest_first() -> None:
    said: list[str] = []
    activities = [activity(3, "Cancelled"), activity(2), activity(1, "Successful")]
    autoscaling = AutoScaling(("a", SLOT, activities), ("b", POOL, [activity(5)]), ("c", {}, [activity(6)]))
    launches = FailedLaunches(autoscaling, UUID, said.append)
    launches.tell(BEGUN, 10)
    launches.tell(BEGUN, 30)
    assert said == [
        "   10.0 s  LAUNCH_FAILED                slot 1: reason 2",
        "   10.0 s  LAUNCH_FAILED                slot 1: reason 3",
        "   10.0 s  LAUNCH_FAILED                pool general: reason 5",
        "   10.0 s  LAUNCH_FAILED                c: reason 6",
    ]
    activities.insert(0, activity(40))
    launches.tell(BEGUN, 50)
    assert said[4:] == ["   50.0 s  LAUNCH_FAILED                slot 1: reason 40"]


def test_launches_before_the_operation_and_failed_terminations_are_not_told() -> None:
    said: list[str] = []
    before, kept = activity(-1), activity(1, "Cancelled", text="Terminating EC2 instance")
    FailedLaunches(AutoScaling(("a", SLOT, [kept, before])), UUID, said.append).tell(BEGUN, 0)
    assert said == []


def test_auto_scaling_is_asked_every_fifteen_seconds_and_at_the_end() -> None:
    autoscaling = AutoScaling()
    launches = FailedLaunches(autoscaling, UUID)
    for seconds in range(0, 31, 5):
        launches.tell(BEGUN, seconds)
    assert autoscaling.asked == 3
    launches.tell(BEGUN, 31, last=True)
    assert autoscaling.asked == 4


def test_what_may_not_be_asked_is_told_once_and_ends_nothing() -> None:
    said: list[str] = []
    autoscaling = AutoScaling(("a", SLOT, [activity(1)]))
    autoscaling.broken = True
    launches = FailedLaunches(autoscaling, UUID, said.append)
    launches.tell(BEGUN, 0)
    launches.tell(BEGUN, 20)
    assert said == ["    0.0 s  LAUNCH_FAILED                whether launches have failed is unknown: not you"]
    autoscaling.broken = False
    launches.tell(BEGUN, 40)
    assert said[1:] == ["   40.0 s  LAUNCH_FAILED                slot 1: reason 1"]
