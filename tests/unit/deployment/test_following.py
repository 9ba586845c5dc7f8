"""What a person sees of an operation while it goes on."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from deployment import follow
from deployment.events import Follower
from deployment.follow import ended
from deployment.launches import FailedLaunches
from deployment.refusal import Refusal
from tests.unit.deployment.fakes import NESTED, ROOT, CloudFormation, Event, event


def follower(cloudformation: CloudFormation, said: list[str], **options: Any) -> Follower:
    seconds = iter(range(1000))
    return Follower(cloudformation, said.append, clock=lambda: float(next(seconds)), sleep=lambda _: None, **options)


def vpc(number: int, status: str, reason: str = "") -> Event:
    return event(number, status, "Vpc", stack=NESTED, physical="vpc-1", kind="AWS::EC2::VPC", reason=reason)


def network(number: int, status: str, reason: str = "") -> Event:
    return event(number, status, "Network", physical=NESTED, reason=reason)


def test_resources_of_a_nested_stack_are_told_with_their_path() -> None:
    said: list[str] = []
    script = CloudFormation(
        ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
        [
            [event(1, "CREATE_IN_PROGRESS"), network(2, "CREATE_IN_PROGRESS")],
            [event(3, "CREATE_IN_PROGRESS", stack=NESTED, physical=NESTED), vpc(4, "CREATE_COMPLETE")],
            [network(5, "CREATE_COMPLETE"), event(6, "CREATE_COMPLETE")],
        ],
    )
    assert follower(script, said).follow(ROOT).status == "CREATE_COMPLETE"
    assert [line.split(" s  ")[1].split() for line in said] == [
        ["CREATE_IN_PROGRESS", "holdfast"],
        ["CREATE_IN_PROGRESS", "Network"],
        ["CREATE_COMPLETE", "Network/Vpc"],
        ["CREATE_COMPLETE", "Network"],
        ["CREATE_COMPLETE", "holdfast"],
    ]


def test_the_old_status_that_a_stack_shows_for_a_moment_does_not_end_the_watch() -> None:
    said: list[str] = []
    before = [event(1, "CREATE_IN_PROGRESS"), event(2, "CREATE_COMPLETE")]
    script = CloudFormation(
        ["CREATE_COMPLETE", "CREATE_COMPLETE", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"],
        [before, [], [event(3, "UPDATE_IN_PROGRESS")], [], [event(4, "UPDATE_COMPLETE")]],
    )
    script.describe_stacks(ROOT)
    watching = follower(script, said)
    watching.mark(ROOT)
    assert watching.follow(ROOT).status == "UPDATE_COMPLETE"
    assert ["UPDATE_IN_PROGRESS" in said[0], "UPDATE_COMPLETE" in said[1], len(said)] == [True, True, 2]


def test_events_of_earlier_operations_in_a_nested_stack_are_not_told() -> None:
    said: list[str] = []
    before = [event(1, "CREATE_IN_PROGRESS"), vpc(2, "CREATE_COMPLETE"), event(3, "CREATE_COMPLETE")]
    script = CloudFormation(
        ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"],
        [before, [event(4, "UPDATE_IN_PROGRESS"), network(5, "UPDATE_IN_PROGRESS")], [event(6, "UPDATE_COMPLETE")]],
    )
    script.describe_stacks(ROOT)
    watching = follower(script, said)
    watching.mark(ROOT)
    watching.follow(ROOT)
    assert not [line for line in said if "Vpc" in line]


def test_the_reason_of_a_failure_is_the_resources_own_and_not_its_echoes() -> None:
    said: list[str] = []
    script = CloudFormation(
        ["ROLLBACK_COMPLETE"],
        [
            [
                event(1, "CREATE_IN_PROGRESS"),
                network(2, "CREATE_IN_PROGRESS"),
                vpc(3, "CREATE_FAILED", "The maximum number of VPCs has been reached."),
                event(4, "CREATE_FAILED", "Iam", physical="x", reason="Resource creation cancelled"),
                network(5, "CREATE_FAILED", "Embedded stack arn:… was not successfully created"),
                event(6, "ROLLBACK_IN_PROGRESS", reason="The following resource(s) failed to create: [Network]."),
                event(7, "ROLLBACK_COMPLETE"),
            ]
        ],
    )
    assert not ended(follower(script, said), ROOT, said.append)
    assert said[-2:] == [
        "holdfast is ROLLBACK_COMPLETE",
        "  Network/Vpc (AWS::EC2::VPC): The maximum number of VPCs has been reached.",
    ]


def test_without_resources_only_stacks_and_failures_are_told() -> None:
    said: list[str] = []
    script = CloudFormation(
        ["CREATE_COMPLETE"],
        [
            [
                event(1, "CREATE_IN_PROGRESS"),
                network(2, "CREATE_IN_PROGRESS"),
                vpc(3, "CREATE_FAILED", "no"),
                vpc(4, "CREATE_COMPLETE"),
                event(5, "CREATE_COMPLETE"),
            ]
        ],
    )
    follower(script, said, resources=False).follow(ROOT)
    assert [line.split()[2:] for line in said if "Vpc" in line] == [["CREATE_FAILED", "Network/Vpc:", "no"]]


def test_an_operation_that_somebody_else_started_is_told_from_its_own_beginning() -> None:
    said: list[str] = []
    script = CloudFormation(
        ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"],
        [
            [
                event(1, "CREATE_IN_PROGRESS", reason="User Initiated"),
                event(2, "CREATE_COMPLETE"),
                event(3, "UPDATE_IN_PROGRESS", reason="User Initiated"),
            ],
            [event(4, "UPDATE_COMPLETE")],
        ],
    )
    script.describe_stacks(ROOT)
    watching = follower(script, said)
    watching.mark_before_latest(ROOT)
    watching.follow(ROOT)
    assert [line.split()[2] for line in said] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]


def test_failed_launches_are_asked_for_until_the_operation_has_ended() -> None:
    asked: list[tuple[float, bool]] = []

    class Launches(FailedLaunches):
        def tell(self, begun: datetime.datetime, seconds: float, *, last: bool = False) -> None:
            asked.append(((begun - event(1, "")["Timestamp"]).total_seconds(), last))

    script = CloudFormation(
        ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"], [[event(1, "CREATE_IN_PROGRESS")], [event(2, "CREATE_COMPLETE")]]
    )
    follower(script, [], launches=Launches(None, "uuid")).follow(ROOT)
    assert asked == [(0.0, False), (0.0, True)]


def test_a_watch_tells_each_operation_that_begins_and_ends_with_the_stack() -> None:
    said: list[str] = []
    script = CloudFormation(
        [
            "UPDATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_IN_PROGRESS",
            "UPDATE_COMPLETE",
            "DELETE_IN_PROGRESS",
            "DELETE_COMPLETE",
        ],
        [
            [event(1, "CREATE_IN_PROGRESS"), vpc(2, "CREATE_COMPLETE"), event(3, "UPDATE_COMPLETE")],
            [],
            [event(4, "UPDATE_IN_PROGRESS"), network(5, "UPDATE_IN_PROGRESS"), vpc(6, "UPDATE_COMPLETE")],
            [network(7, "UPDATE_COMPLETE"), event(8, "UPDATE_COMPLETE")],
            [event(9, "DELETE_IN_PROGRESS"), network(10, "DELETE_IN_PROGRESS"), vpc(11, "DELETE_COMPLETE")],
            [network(12, "DELETE_COMPLETE"), event(13, "DELETE_COMPLETE")],
        ],
    )
    script.describe_stacks(ROOT)
    beside = Counted()
    assert follower(script, said, beside=beside).watch(ROOT).status == "DELETE_COMPLETE"
    told = [line.split(" s  ")[1].split() for line in said]
    assert told[:4] == [
        ["UPDATE_IN_PROGRESS", "holdfast"],
        ["UPDATE_IN_PROGRESS", "Network"],
        ["UPDATE_COMPLETE", "Network/Vpc"],
        ["UPDATE_COMPLETE", "Network"],
    ]
    assert told[5:] == [
        ["DELETE_IN_PROGRESS", "holdfast"],
        ["DELETE_IN_PROGRESS", "Network"],
        ["DELETE_COMPLETE", "Network/Vpc"],
        ["DELETE_COMPLETE", "Network"],
        ["DELETE_COMPLETE", "holdfast"],
    ]
    # At every look, and once more at the end.
    assert beside.told == [False] * 4 + [True]


class Counted:
    """Remembers when it was asked to tell what happens beside."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def tell(self, seconds: float, *, last: bool = False) -> None:
        self.told.append(last)


class Foreign:
    """An account with a stack of another project, which has no outputs."""

    def client(self, service: str) -> CloudFormation:
        assert service == "cloudformation", "a stack of others is followed"
        script = CloudFormation(["UPDATE_COMPLETE"], [])
        script.resource_types = ["AWS::SQS::Queue"]
        return script


def test_a_stack_that_is_no_cluster_is_not_followed() -> None:
    with pytest.raises(Refusal, match=r"^the stack holdfast is no cluster of this project: "):
        follow.run(Foreign(), "holdfast", resources=True)
