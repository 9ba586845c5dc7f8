"""Whole calls of the function about the Start resource: what is started, and what CloudFormation is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from coordination.names import START_TIMEOUT_SECONDS
from coordination.outcomes import Known
from functions.reconcile.handler import PassFailed
from tests.unit.functions.events import custom_resource
from tests.unit.functions.harness import (
    BROKEN,
    NOW,
    SETTINGS,
    UUID,
    AnswerServer,
    FunctionHarness,
    function_harness,
    slot,
)

CONTROL_PLANE_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo-Controlplane-1/uuid"
ALL = [("start", "slot0"), ("start", "slot1"), ("start", "slot2")]


@pytest.fixture
def there() -> Iterator[FunctionHarness]:
    """A cluster whose groups CloudFormation has just made."""
    with function_harness() as made:
        made.table.delete("cluster", {})
        made.table.changed.clear()
        made.groups.slots = {f"slot{number}": slot(number) for number in range(3)}
        made.root.state = Known("CREATE_IN_PROGRESS")
        yield made


def ask(server: AnswerServer, kind: str = "Create", **changes: Any) -> dict[str, Any]:
    event = custom_resource(
        kind,
        ResponseURL=server.url,
        ResourceType="Custom::Start",
        LogicalResourceId="Start",
        StackId=CONTROL_PLANE_STACK,
        PhysicalResourceId=f"start-{UUID}",
    )
    return {**event, **changes}


def create(server: AnswerServer, **changes: Any) -> dict[str, Any]:
    event = ask(server, **changes)
    del event["PhysicalResourceId"]
    return event


def test_create_starts_every_slot_in_one_call_and_remembers_it(there: FunctionHarness, server: AnswerServer) -> None:
    assert there.call(create(server)) == {"outcome": "answered"}
    assert there.groups.calls == ALL
    assert there.item("start") == {"Id": "start", "StartedAt": NOW, "RequestId": "request-1"}
    assert server.answers == [
        {
            "Status": "SUCCESS",
            "Reason": "3 slots are being started",
            "PhysicalResourceId": f"start-{UUID}",
            "StackId": CONTROL_PLANE_STACK,
            "RequestId": "request-1",
            "LogicalResourceId": "Start",
            "Data": {},
        }
    ]


@pytest.mark.parametrize("kind", ["Update", "Delete"])
def test_update_and_delete_are_answered_and_do_nothing(there: FunctionHarness, server: AnswerServer, kind: str) -> None:
    there.groups.broken = BROKEN
    assert there.call(ask(server, kind)) == {"outcome": "answered"}
    assert [(answer["Status"], answer["PhysicalResourceId"]) for answer in server.answers] == [
        ("SUCCESS", f"start-{UUID}")
    ]
    assert (there.groups.calls, there.table.changed) == ([], [])


def test_a_second_delivery_is_answered_and_starts_nothing_again(there: FunctionHarness, server: AnswerServer) -> None:
    there.call(create(server))
    there.moment += 30
    assert there.call(create(server)) == {"outcome": "answered"}
    assert there.groups.calls == ALL
    assert there.item("start")["StartedAt"] == NOW


def test_an_answer_that_nobody_takes_any_more_is_not_tried_again(there: FunctionHarness, server: AnswerServer) -> None:
    server.statuses = [403]
    assert there.call(create(server)) == {"outcome": "failed"}
    server.statuses = [500] * 3
    with pytest.raises(PassFailed, match="PUT: HTTP status 500"):
        there.call(create(server))


def test_slots_that_have_instances_are_left_as_they_are(there: FunctionHarness, server: AnswerServer) -> None:
    there.groups.slots["slot0"] = slot(0, desired=1)
    there.groups.slots["slot1"] = slot(1, desired=2, min_size=2)
    there.call(create(server))
    assert there.groups.calls == [("start", "slot2")]


def test_another_pass_does_not_make_the_start_wait(there: FunctionHarness, server: AnswerServer) -> None:
    there.table.put({"Id": "lease#function", "Owner": "another", "Fence": 7, "StartedAt": NOW}, {})
    assert there.call(create(server)) == {"outcome": "answered"}
    assert there.groups.calls == ALL


def test_a_refused_start_is_not_answered_keeps_no_other_from_starting_and_is_repeated(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.groups.fails = {"slot1"}
    with pytest.raises(PassFailed, match="StartSlot slot1: broken by the test"):
        there.call(create(server))
    assert (there.groups.calls, server.answers) == (ALL, [])
    there.groups.fails = set()
    there.moment += 60
    there.call(create(server))
    assert there.groups.calls == [*ALL, ("start", "slot1")]
    assert [answer["Status"] for answer in server.answers] == ["SUCCESS"]


def broken_groups(there: FunctionHarness) -> None:
    there.groups.broken = BROKEN


def broken_root(there: FunctionHarness) -> None:
    there.root.state = BROKEN


def broken_reads(there: FunctionHarness) -> None:
    there.table.broken_reads = True


def broken_writes(there: FunctionHarness) -> None:
    there.table.broken_writes = True


def no_group(there: FunctionHarness) -> None:
    there.groups.slots = {}


def no_time(there: FunctionHarness) -> None:
    there.seconds_left = 5


@pytest.mark.parametrize("fault", [broken_groups, broken_root, broken_reads, broken_writes, no_group, no_time])
def test_what_cannot_be_read_or_done_is_not_answered(there: FunctionHarness, server: AnswerServer, fault: Any) -> None:
    fault(there)
    with pytest.raises(PassFailed):
        there.call(create(server))
    assert (there.groups.calls, server.answers) == ([], [])


def test_the_last_of_lambdas_calls_tells_why_nothing_started(there: FunctionHarness, server: AnswerServer) -> None:
    there.groups.fails = {"slot1"}
    # The second call begins after at most two of the function's minutes, the third one after at least three.
    for seconds in (0, 2 * SETTINGS.timeout_seconds):
        there.moment = NOW + seconds
        with pytest.raises(PassFailed):
            there.call(create(server))
    assert server.answers == []
    there.moment = NOW + 180.0
    assert there.call(create(server)) == {"outcome": "answered"}
    assert [(answer["Status"], answer["Reason"]) for answer in server.answers] == [
        ("FAILED", "StartSlot slot1: broken by the test")
    ]
    assert 180 + 3 * SETTINGS.timeout_seconds < START_TIMEOUT_SECONDS


def test_a_new_request_has_time_of_its_own(there: FunctionHarness, server: AnswerServer) -> None:
    there.call(create(server))
    there.moment += 3600
    there.groups.broken = BROKEN
    with pytest.raises(PassFailed):
        there.call(create(server, RequestId="request-2"))
    assert there.item("start") == {"Id": "start", "StartedAt": NOW + 3600, "RequestId": "request-2"}


def test_a_cluster_that_is_being_deleted_is_not_started(there: FunctionHarness, server: AnswerServer) -> None:
    there.root.state = Known("ROLLBACK_IN_PROGRESS")
    assert there.call(create(server)) == {"outcome": "answered"}
    assert [(answer["Status"], answer["Reason"]) for answer in server.answers] == [
        ("FAILED", "the root stack is ROLLBACK_IN_PROGRESS")
    ]
    assert there.groups.calls == []


def test_a_request_of_no_known_kind_is_refused(there: FunctionHarness, server: AnswerServer) -> None:
    there.call(create(server, RequestType="Restart"))
    assert [answer["Status"] for answer in server.answers] == ["FAILED"]
    assert there.groups.calls == []
