"""Wait conditions: a stack is complete only when somebody says so, in time."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.signals import duration_seconds
from tests.rehearsal.engine import Stacks, eventually, template, thing

SPEED = 60.0
"""An hour's time-out is a minute; the tests' time-outs are seconds."""


def condition(count: int = 1, timeout: str = "PT1H") -> dict[str, object]:
    return {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Count": count, "Timeout": timeout}},
    }


def signal(stacks: Stacks, name: str, sender: str, status: str = "SUCCESS", resource: str = "Ready") -> None:
    stacks.client.signal_resource(StackName=name, LogicalResourceId=resource, UniqueId=sender, Status=status)


def waiting(stacks: Stacks, count: int = 1, **more: object) -> str:
    """A stack that waits for signals."""
    name = stacks.create(template({"Ready": condition(count), "After": thing(after="Ready")}, **more), wait=None)
    eventually(lambda: "CREATE_IN_PROGRESS" in stacks.statuses(name, "Ready"), "the condition waits")
    return name


def test_a_stack_waits_for_as_many_senders_as_it_counts(stacks: Stacks) -> None:
    name = waiting(stacks, 2)
    signal(stacks, name, "i-1")
    signal(stacks, name, "i-1")
    assert stacks.describe(name)["StackStatus"] == "CREATE_IN_PROGRESS"
    assert stacks.state.said("create") == []
    signal(stacks, name, "i-2")
    stacks.wait(name, "CREATE_COMPLETE")
    received = [reason for _, _, reason in stacks.history(name) if reason.startswith("Received")]
    assert received == ["Received SUCCESS signal with UniqueId i-1", "Received SUCCESS signal with UniqueId i-2"]


def test_without_signals_the_creation_fails_when_its_time_is_over(stacks: Stacks) -> None:
    name = stacks.create(template({"Ready": condition(timeout="PT30S")}), wait="ROLLBACK_COMPLETE")
    assert stacks.reason(name, "Ready", "CREATE_FAILED") == (
        "Failed to receive 1 resource signal(s) within the specified duration"
    )


def test_a_failure_signal_fails_the_creation(stacks: Stacks) -> None:
    name = waiting(stacks)
    signal(stacks, name, "i-1", "FAILURE")
    stacks.wait(name, "ROLLBACK_COMPLETE")
    assert stacks.reason(name, "Ready", "CREATE_FAILED") == "Received FAILURE signal with UniqueId i-1"


def test_a_signal_is_refused_where_nobody_waits_for_it(stacks: Stacks) -> None:
    name = waiting(stacks)
    with pytest.raises(ClientError, match="Resource Nobody does not exist for stack"):
        signal(stacks, name, "i-1", resource="Nobody")
    signal(stacks, name, "i-1")
    stacks.wait(name, "CREATE_COMPLETE")
    with pytest.raises(ClientError, match="is in CREATE_COMPLETE state and cannot be signaled"):
        signal(stacks, name, "i-1")


def test_a_resource_that_takes_no_signals_refuses_them(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Hold="gate")}), wait=None)
    eventually(lambda: stacks.state.said("create"), "it is being made")
    with pytest.raises(ClientError, match="Resource A is in CREATE_IN_PROGRESS state and cannot be signaled"):
        signal(stacks, name, "i-1", resource="A")
    stacks.state.gate("gate").set()
    stacks.wait(name, "CREATE_COMPLETE")


def test_a_wait_condition_in_a_nested_stack_is_signalled_by_the_nested_stacks_id(stacks: Stacks) -> None:
    name = stacks.create(template({"Child": stacks.nested(template({"Ready": condition()}))}), wait=None)
    child = eventually(lambda: child_of(stacks, name), "the child exists")
    eventually(lambda: "CREATE_IN_PROGRESS" in stacks.statuses(child, "Ready"), "the condition waits")
    signal(stacks, child, "i-1")
    stacks.wait(name, "CREATE_COMPLETE")


def child_of(stacks: Stacks, name: str) -> str | None:
    resources = stacks.client.describe_stack_resources(StackName=name)["StackResources"]
    return next((each["PhysicalResourceId"] for each in resources if "PhysicalResourceId" in each), None)


def test_a_wait_condition_does_not_wait_again_in_an_update(stacks: Stacks) -> None:
    name = waiting(stacks)
    signal(stacks, name, "i-1")
    stacks.wait(name, "CREATE_COMPLETE")
    stacks.update(name, template({"Ready": condition(), "After": thing(after="Ready", Value="new")}))


def test_a_delete_does_not_wait_for_signals(stacks: Stacks) -> None:
    stacks.delete(waiting(stacks))


def test_a_creation_that_takes_longer_than_its_time_out_is_rolled_back(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Hold="never")}), TimeoutInMinutes=1, wait="ROLLBACK_COMPLETE")
    assert "exceeded the specified timeout" in stacks.reason(name, name, "ROLLBACK_IN_PROGRESS")
    assert stacks.state.things == {}


def test_a_nested_creation_that_takes_longer_than_its_time_out_fails_its_parent(stacks: Stacks) -> None:
    held = stacks.nested(template({"A": thing(Hold="never")}))
    held["Properties"]["TimeoutInMinutes"] = 1
    name = stacks.create(template({"Held": held}), wait="ROLLBACK_COMPLETE")
    assert "exceeded the specified timeout" in stacks.reason(name, "Held", "CREATE_FAILED")
    assert stacks.state.things == {}


def test_a_creation_policy_is_refused_for_types_that_take_none(stacks: Stacks) -> None:
    resources = {"A": thing() | {"CreationPolicy": {"ResourceSignal": {"Count": 1}}}}
    with pytest.raises(ClientError, match=r"CreationPolicy is not supported for resource type Test::Local::Thing"):
        stacks.create(template(resources))


def test_durations_are_read_as_iso_8601() -> None:
    assert [duration_seconds(text) for text in ("PT1H", "PT1H30M", "PT90S", "PT0S")] == [3600, 5400, 90, 0]
    for wrong in ("1H", "PT", "P1D", "PT13H"):
        with pytest.raises(Exception, match=f"Invalid Timeout {wrong}"):
            duration_seconds(wrong)
