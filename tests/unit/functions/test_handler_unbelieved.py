"""Whole calls of the function with a request to delete the cluster, while the root stack's status does not say so.

Whoever may call the function can send such a request, with an address of his own to answer at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from coordination.names import TEARDOWN_TIMEOUT_SECONDS
from coordination.outcomes import Known, Unknown
from coordination.stacks import SETTLED_STATES
from functions.reconcile.deletion import no_deletion
from functions.reconcile.handler import PassFailed
from functions.reconcile.teardown import margin_seconds
from tests.unit.functions.asked import VOTER, AskedCluster
from tests.unit.functions.events import SCHEDULE, custom_resource
from tests.unit.functions.harness import (
    NOW,
    SETTINGS,
    TABLE,
    UUID,
    AnswerServer,
    FunctionHarness,
    function_harness,
    instance,
)

ROW = {"Epoch": 1, "State": "voter"}
DEADLINE = TEARDOWN_TIMEOUT_SECONDS - margin_seconds(SETTINGS)
NO_STATUS = Unknown("DescribeStacks: AccessDenied: User is not authorized")
# Every other word that CloudFormation has for a stack, and one that it has not.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
NOT_DELETING = (
    "CREATE_IN_PROGRESS",
    "CREATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "REVIEW_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "IMPORT_ROLLBACK_FAILED",
    "DELETED_OR_SO",
    *sorted(SETTLED_STATES),
)

# ROLLBACK_… is that of a creation.
DELETING = (
    "DELETE_IN_PROGRESS",
    "DELETE_FAILED",
    "DELETE_COMPLETE",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_FAILED",
    "ROLLBACK_COMPLETE",
)


def delete(server: AnswerServer, **changes: Any) -> dict[str, Any]:
    return custom_resource("Delete", ResponseURL=server.url, **changes)


def whole_table(there: FunctionHarness) -> list[Any]:
    items = there.client.scan(TableName=TABLE)["Items"]
    return sorted(items, key=lambda item: str(item["Id"]))


def is_untouched(there: FunctionHarness) -> bool:
    """Whether the cluster is ready as before, and the voter that leaves it is held."""
    states = {name: each.lifecycle_state for name, each in there.groups.by_id.items()}
    return there.item("cluster")["Phase"] == "ready" and states == {"i-1": "Terminating:Wait"}


def schedule_that_knows_nothing(there: FunctionHarness) -> None:
    with pytest.raises(PassFailed, match="DescribeStacks"):
        there.call(SCHEDULE)


@pytest.fixture
def there() -> Iterator[FunctionHarness]:
    """A cluster of which a hook holds a voter."""
    with function_harness(instance("i-1")) as made:
        made.store(member__i_1=ROW)
        yield made


# the root stack is known not to be deleted


def test_a_delete_request_for_a_stack_that_is_not_being_deleted_changes_nothing(
    there: FunctionHarness, server: AnswerServer
) -> None:
    before = whole_table(there)
    for status in NOT_DELETING:
        there.root.state = Known(status)
        assert there.call(delete(server)) == {"outcome": "answered"}, status
        assert whole_table(there) == before, status
        assert there.groups.calls == [], status
    told = [("SUCCESS", no_deletion(status)) for status in NOT_DELETING]
    assert [(each["Status"], each["Reason"]) for each in server.answers] == told


@pytest.mark.parametrize("status", DELETING)
def test_a_delete_request_for_a_stack_that_is_being_deleted_is_believed(status: str) -> None:
    cluster = AskedCluster(status)
    assert cluster.call(cluster.request(1))
    assert (cluster.phase, cluster.voter_is_held) == ("deleting", False)
    assert len(cluster.answers) == 1


def test_the_log_warns_of_a_request_that_is_not_believed(
    there: FunctionHarness, server: AnswerServer, capsys: pytest.CaptureFixture[str]
) -> None:
    there.call(delete(server))
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["reason"]) == ("WARNING", no_deletion("UPDATE_COMPLETE"))


def test_an_answer_to_no_deletion_that_fails_is_repeated_by_lambda_and_changes_nothing(
    there: FunctionHarness, server: AnswerServer
) -> None:
    before = whole_table(there)
    server.statuses = [500] * 3
    with pytest.raises(PassFailed, match="PUT: HTTP status 500"):
        there.call(delete(server))
    assert whole_table(there) == before


# its status is unknown


def test_a_request_waits_for_the_status_and_is_believed_once_that_is_a_deleting_one(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.root.state = NO_STATUS
    assert there.call(delete(server)) == {"outcome": "stored"}
    there.moment += 60
    schedule_that_knows_nothing(there)
    assert is_untouched(there)
    assert server.answers == []

    there.root.state = Known("DELETE_IN_PROGRESS")
    assert there.call(SCHEDULE) == {"outcome": "done"}
    assert there.item("cluster")["Phase"] == "deleting"
    assert there.groups.calls[-1] == ("complete", "i-1")
    assert [each["Status"] for each in server.answers] == ["SUCCESS"]
    assert "teardown" not in there.stored_keys()


def test_a_request_is_dismissed_once_the_status_is_none_of_a_deletion(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.root.state = NO_STATUS
    there.call(delete(server))
    there.root.state = Known("UPDATE_COMPLETE")
    for _ in range(2):
        assert there.call(SCHEDULE) == {"outcome": "done"}
    assert is_untouched(there)
    assert [each["Reason"] for each in server.answers] == [no_deletion("UPDATE_COMPLETE")]
    assert "teardown" not in there.stored_keys()


@pytest.mark.parametrize(("status", "phase"), [("DELETE_IN_PROGRESS", "deleting"), ("UPDATE_COMPLETE", "ready")])
def test_the_pass_of_the_same_call_may_know_better(
    there: FunctionHarness, server: AnswerServer, status: str, phase: str
) -> None:
    there.root.first, there.root.state = [NO_STATUS], Known(status)
    assert there.call(delete(server)) == {"outcome": "answered"}
    assert there.item("cluster")["Phase"] == phase
    assert is_untouched(there) == (phase == "ready")
    assert len(server.answers) == 1
    assert "teardown" not in there.stored_keys()


def test_a_request_that_is_due_is_answered_though_the_status_is_still_unknown_and_nothing_else_happens(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.root.state = NO_STATUS
    there.call(delete(server))
    there.moment += DEADLINE - 1
    schedule_that_knows_nothing(there)
    assert server.answers == []
    there.moment += 1
    schedule_that_knows_nothing(there)
    (answer,) = server.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", f"teardown-{UUID}")
    assert answer["Reason"].startswith("time is up; ")
    assert "DescribeStacks" not in answer["Reason"]
    assert is_untouched(there)
    assert "teardown" not in there.stored_keys()
    # Had it been a deletion, the passes that its hooks wake learn so.
    there.root.state = Known("DELETE_IN_PROGRESS")
    there.call(SCHEDULE)
    assert there.groups.calls[-1] == ("complete", "i-1")


def test_an_address_that_takes_no_answer_fails_one_pass_at_most(there: FunctionHarness, server: AnswerServer) -> None:
    there.root.state = NO_STATUS
    there.call(delete(server))
    there.root.state = Known("UPDATE_COMPLETE")
    server.statuses = [500] * 3
    with pytest.raises(PassFailed, match="DismissTeardown"):
        there.call(SCHEDULE)
    assert there.call(SCHEDULE) == {"outcome": "done"}
    assert is_untouched(there)


def test_a_request_that_comes_twice_is_answered_once_for_all_that_is_stored(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.root.state = NO_STATUS
    for _ in range(2):
        assert there.call(delete(server)) == {"outcome": "stored"}
    there.root.state = Known("DELETE_IN_PROGRESS")
    there.call(SCHEDULE)
    assert len(server.answers) == 1
    # Once more, after the answer.
    assert there.call(delete(server)) == {"outcome": "answered"}
    assert [call for call, _ in there.groups.calls].count("complete") == 1


@pytest.mark.parametrize("busy", [False, True], ids=["", "while another pass runs"])
def test_a_request_that_can_neither_be_believed_nor_be_stored_is_answered_and_changes_nothing(
    there: FunctionHarness, server: AnswerServer, busy: bool
) -> None:
    if busy:
        there.store(lease__function={"Owner": "other", "StartedAt": NOW, "Fence": 3})
    before = whole_table(there)
    there.root.state = NO_STATUS
    there.table.broken_writes = True
    assert there.call(delete(server)) == {"outcome": "answered"}
    assert whole_table(there) == before
    assert is_untouched(there)
    (answer,) = server.answers
    assert answer["Reason"] == ("the request could not be stored; whether the root stack is being deleted is unknown")


def test_without_a_table_and_a_status_no_hook_is_completed(server: AnswerServer) -> None:
    with function_harness(instance("i-1"), with_table=False) as there:
        there.root.state = NO_STATUS
        assert there.call(delete(server)) == {"outcome": "answered"}
        assert there.groups.calls == [("heartbeat", "i-1")]


def test_a_request_is_stored_though_another_pass_runs_and_the_phase_stays(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.store(lease__function={"Owner": "other", "StartedAt": NOW, "Fence": 3})
    there.root.state = NO_STATUS
    assert there.call(delete(server)) == {"outcome": "stored"}
    assert is_untouched(there)
    assert "teardown" in there.stored_keys()


def test_a_deletion_that_was_known_before_goes_on_without_the_status(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.store(cluster={**there.item("cluster"), "Phase": "deleting"})
    there.root.state = NO_STATUS
    assert there.call(delete(server)) == {"outcome": "answered"}
    assert there.groups.calls == [("complete", "i-1")]


def test_a_request_that_waits_makes_no_pass_go_more_rounds() -> None:
    cluster = AskedCluster("UPDATE_COMPLETE")
    cluster.table.remove(f"member#{VOTER}")
    cluster.root.first = [NO_STATUS] * 9
    cluster.call(cluster.request(1))
    assert not cluster.voter_is_held
    # Once before anything is stored, and once in the pass.
    assert len(cluster.root.first) == 7
