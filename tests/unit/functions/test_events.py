"""Which events lead to a pass; every other one is named and ignored."""

from __future__ import annotations

import pytest

from functions.reconcile.events import Ignored, StartRequest, TeardownRequest, Wakened, trigger
from tests.unit.functions.events import SCHEDULE, STREAM, custom_resource, lifecycle, stream
from tests.unit.functions.harness import CLUSTER_ID, SETTINGS, TABLE, UUID


def test_a_terminating_instance_of_the_cluster_wakes_a_pass() -> None:
    assert trigger(lifecycle(), SETTINGS) == Wakened({"kind": "lifecycle", "instance": "i-1"})


def test_a_lifecycle_event_with_our_hook_but_no_instance_still_wakes_a_pass() -> None:
    assert isinstance(trigger(lifecycle(EC2InstanceId=None), SETTINGS), Wakened)


def test_the_schedule_wakes_a_pass_and_brings_no_news() -> None:
    assert trigger(SCHEDULE, SETTINGS) == Wakened({"kind": "schedule"}, news=False)


@pytest.mark.parametrize("key", ["cluster", "member#i-1", "operation", "teardown", "drain#i-1", "an-item-of-later"])
def test_news_in_the_table_wakes_a_pass(key: str) -> None:
    assert trigger(stream("lease#function", key), SETTINGS) == Wakened({"kind": "table", "items": [key]})


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (lifecycle(LifecycleHookName="another-terminating"), "the hook 'another-terminating' is not this cluster's"),
        (lifecycle(LifecycleHookName=f"{UUID}-launching"), f"the hook '{UUID}-launching' is not this cluster's"),
        (lifecycle(LifecycleHookName=7), "the hook '' is not this cluster's"),
        ({**lifecycle(), "detail": "text"}, "a lifecycle event without detail"),
        (
            {**lifecycle(), "detail-type": "EC2 Instance-launch Lifecycle Action"},
            "an event 'EC2 Instance-launch Lifecycle Action' of 'aws.autoscaling'",
        ),
        (stream("lease#function", "condition#TerminationHeld/i-1"), "no decision depends on condition#"),
        (stream("boot#arn", "observation"), "no decision depends on boot#arn, observation"),
        (stream("cluster", arn=STREAM.replace(TABLE, "other-table")), "no record is a change of the cluster table"),
        ({"Records": []}, "a batch without records"),
        ({"Records": "text"}, "a batch without records"),
        ({"Records": [None, {"eventSource": "aws:dynamodb"}, {"eventSource": "aws:sqs"}]}, "no record is a change"),
        (
            {"Records": [{"eventSource": "aws:dynamodb", "eventSourceARN": STREAM, "dynamodb": {"Keys": ["Id"]}}]},
            "no record is a change",
        ),
        (custom_resource(ResponseURL=""), "a custom resource request without ResponseURL: there is nothing to answer"),
        (custom_resource(RequestId=None), "a custom resource request without RequestId"),
        ({}, "the event is of no kind that this function knows"),
        (None, "the event is not an object"),
        ([lifecycle()], "the event is not an object"),
    ],
)
def test_anything_else_is_ignored_with_a_reason(event: object, reason: str) -> None:
    found = trigger(event, SETTINGS)
    assert isinstance(found, Ignored)
    assert found.reason.startswith(reason)


def test_a_request_of_cloudformation_is_read_and_never_shows_its_address() -> None:
    found = trigger(custom_resource(), SETTINGS)
    assert found == TeardownRequest(
        "Delete", "https://answers.example/secret", "request-1", CLUSTER_ID, "Teardown", f"teardown-{UUID}"
    )
    assert "secret" not in repr(found)


def test_a_request_about_the_start_is_told_from_one_about_the_teardown() -> None:
    found = trigger(custom_resource("Create", ResourceType="Custom::Start"), SETTINGS)
    assert isinstance(found, StartRequest)
    assert found.kind == "Create"


def test_a_request_for_a_resource_of_another_type_is_named_as_such() -> None:
    found = trigger(custom_resource(ResourceType="Custom::Other"), SETTINGS)
    assert isinstance(found, TeardownRequest)
    assert found.kind == "Delete of Custom::Other"
