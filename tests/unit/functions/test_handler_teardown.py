"""Whole calls of the function while the cluster is deleted: CloudFormation is answered in every case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from coordination.instances import GroupInstance
from coordination.names import TEARDOWN_TIMEOUT_SECONDS
from coordination.outcomes import Known, Unknown
from functions.reconcile import passes
from functions.reconcile.handler import PassFailed
from functions.reconcile.teardown import margin_seconds
from tests.unit.functions.events import SCHEDULE, custom_resource, lifecycle, stream
from tests.unit.functions.harness import (
    CLUSTER_ID,
    NOW,
    SETTINGS,
    UUID,
    AnswerServer,
    FunctionHarness,
    function_harness,
    instance,
)

VOTER = {"Epoch": 1, "State": "voter"}
DEADLINE = TEARDOWN_TIMEOUT_SECONDS - margin_seconds(SETTINGS)


@contextmanager
def deleted(*instances: GroupInstance, with_table: bool = True) -> Iterator[FunctionHarness]:
    """A cluster whose root stack CloudFormation deletes."""
    with function_harness(*instances, with_table=with_table) as made:
        made.root.state = Known("DELETE_IN_PROGRESS")
        yield made


@pytest.fixture
def there() -> Iterator[FunctionHarness]:
    with deleted(instance("i-1")) as made:
        yield made


def delete(server: AnswerServer, **changes: Any) -> dict[str, Any]:
    return custom_resource("Delete", ResponseURL=server.url, **changes)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_create_and_update_are_answered_and_change_nothing(
    there: FunctionHarness, server: AnswerServer, kind: str
) -> None:
    event = custom_resource(kind, ResponseURL=server.url, PhysicalResourceId=f"teardown-{UUID}")
    assert there.call(event) == {"outcome": "answered"}
    (answer,) = server.answers
    assert answer == {
        "Status": "SUCCESS",
        "Reason": "the resource only acts when it is deleted",
        "PhysicalResourceId": f"teardown-{UUID}",
        "StackId": CLUSTER_ID,
        "RequestId": "request-1",
        "LogicalResourceId": "Teardown",
        "Data": {},
    }
    assert there.table.changed == []
    assert there.groups.calls == []


def test_a_create_that_cannot_be_answered_is_repeated_by_lambda(there: FunctionHarness, server: AnswerServer) -> None:
    server.statuses = [500] * 3
    with pytest.raises(PassFailed, match="PUT: HTTP status 500"):
        there.call(custom_resource("Create", ResponseURL=server.url))


def test_a_delete_lets_everything_go_and_is_answered_in_the_same_call(server: AnswerServer) -> None:
    leaving = (
        instance("i-1"),
        instance("i-2", role="worker"),
        instance("i-3", state="Terminating:Retained"),
        instance("i-4", state="InService"),
    )
    with deleted(*leaving) as there:
        there.store(member__i_1=VOTER, member__i_3=VOTER)
        assert there.call(delete(server)) == {"outcome": "answered"}
        assert sorted(there.groups.calls) == [("complete", "i-1"), ("complete", "i-2"), ("terminate", "i-3")]
        assert there.item("cluster")["Phase"] == "deleting"
        assert there.item("cluster")["Epoch"] == 1
        assert "teardown" not in there.stored_keys()
    assert [answer["Status"] for answer in server.answers] == ["SUCCESS"]


def test_a_delete_before_any_cluster_was_founded_leaves_no_room_for_a_late_founder(server: AnswerServer) -> None:
    with deleted() as there:
        there.table.delete("cluster", {})
        assert there.call(delete(server)) == {"outcome": "answered"}
        assert there.item("cluster") == {"Id": "cluster", "ClusterId": CLUSTER_ID, "Phase": "deleting"}


def test_the_address_of_an_answer_is_never_logged(
    there: FunctionHarness, server: AnswerServer, capsys: pytest.CaptureFixture[str]
) -> None:
    there.groups.fails = {"i-1"}
    server.statuses = [500] * 3
    there.call(delete(server))
    there.moment += DEADLINE
    with pytest.raises(PassFailed) as raised:
        there.call(SCHEDULE)
    there.call(custom_resource("Update", ResponseURL=server.url))
    there.call(stream("lease#function"))
    there.table.broken_writes = True
    there.call(delete(server))
    logged = capsys.readouterr().out
    assert len([line for line in logged.splitlines() if "_aws" not in json.loads(line)]) == 5
    assert "signature" not in logged + str(raised.value)
    assert "secret" not in logged + str(raised.value)


def test_a_delete_waits_for_an_instance_that_stays_and_is_answered_when_it_is_gone(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.groups.fails = {"i-1"}
    assert there.call(delete(server)) == {"outcome": "stored"}
    assert server.answers == []
    there.groups.fails = set()
    there.moment += 60
    assert there.call(SCHEDULE) == {"outcome": "done"}
    assert [answer["Status"] for answer in server.answers] == ["SUCCESS"]
    assert "teardown" not in there.stored_keys()


@pytest.mark.parametrize("fault", ["instance", "groups"])
def test_a_delete_is_answered_before_its_deadline_though_something_is_left(
    there: FunctionHarness, server: AnswerServer, fault: str
) -> None:
    if fault == "instance":
        there.groups.fails = {"i-1"}
    else:
        there.groups.broken = Unknown("DescribeAutoScalingGroups: no")
    there.call(delete(server))
    there.moment += DEADLINE - 1
    with pytest.raises(PassFailed):
        there.call(SCHEDULE)
    assert server.answers == []
    there.moment += 1
    with pytest.raises(PassFailed):
        there.call(SCHEDULE)
    (answer,) = server.answers
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"].startswith("time is up; left: ")
    assert ("i-1" if fault == "instance" else "DescribeAutoScalingGroups: no") in answer["Reason"]


def test_a_delete_is_answered_though_time_runs_out_in_this_call(there: FunctionHarness, server: AnswerServer) -> None:
    there.groups.by_id.clear()
    there.seconds_left = 5
    assert there.call(delete(server)) == {"outcome": "answered"}


def test_a_delete_that_cannot_be_stored_is_answered_at_once_and_no_hook_is_completed(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.store(member__i_1=VOTER)
    there.table.broken_writes = True
    assert there.call(delete(server)) == {"outcome": "answered"}
    assert there.groups.calls == [("heartbeat", "i-1")]
    (answer,) = server.answers
    assert answer["Reason"] == "the request could not be stored; left: the phase is not stored yet"


def test_a_delete_without_table_is_answered_and_lets_everything_go(server: AnswerServer) -> None:
    with deleted(instance("i-1"), with_table=False) as there:
        assert there.call(delete(server)) == {"outcome": "answered"}
        assert there.groups.calls == [("complete", "i-1")]
    assert len(server.answers) == 1


def test_a_delete_is_not_lost_while_another_pass_runs(there: FunctionHarness, server: AnswerServer) -> None:
    there.store(lease__function={"Owner": "other", "StartedAt": NOW, "Fence": 3})
    assert there.call(delete(server)) == {"outcome": "stored"}
    assert there.item("cluster")["Phase"] == "deleting"
    there.table.update("lease#function", {"Owner": None, "StartedAt": None}, {})
    assert there.call(SCHEDULE) == {"outcome": "done"}
    assert len(server.answers) == 1


def test_a_delete_survives_a_fault_of_ours(
    there: FunctionHarness, server: AnswerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(passes, "decide", lambda _: 1 / 0)
        assert there.call(delete(server)) == {"outcome": "stored"}
    there.call(SCHEDULE)
    assert len(server.answers) == 1


def test_an_answer_that_does_not_get_through_is_repeated_until_it_does(
    there: FunctionHarness, server: AnswerServer
) -> None:
    server.statuses = [500] * 3
    assert there.call(delete(server)) == {"outcome": "stored"}
    there.call(SCHEDULE)
    assert len(server.answers) == 1


def test_an_address_that_has_expired_is_forgotten(there: FunctionHarness, server: AnswerServer) -> None:
    server.statuses = [403]
    there.call(delete(server))
    assert "teardown" not in there.stored_keys()
    assert there.call(SCHEDULE) == {"outcome": "done"}


def test_a_repeated_delete_is_answered_again_and_does_nothing_new(there: FunctionHarness, server: AnswerServer) -> None:
    for _ in range(2):
        assert there.call(delete(server)) == {"outcome": "answered"}
    assert there.groups.calls == [("complete", "i-1")]
    assert len(server.answers) == 2


@pytest.mark.parametrize(
    "changes",
    [{"PhysicalResourceId": "never-answered"}, {"StackId": "arn:another"}, {"ResourceType": "Custom::Other"}],
)
def test_a_delete_that_is_not_ours_is_answered_and_deletes_nothing(
    there: FunctionHarness, server: AnswerServer, changes: dict[str, str]
) -> None:
    assert there.call(delete(server, **changes)) == {"outcome": "answered"}
    assert server.answers[0]["Status"] == "SUCCESS"
    assert there.table.changed == []


def test_a_create_that_rolls_back_lets_members_go_without_any_request() -> None:
    with function_harness(instance("i-1"), instance("i-2"), instance("i-3")) as there:
        there.store(member__i_1=VOTER, member__i_2=VOTER, member__i_3=VOTER)
        there.root.state = Known("ROLLBACK_IN_PROGRESS")
        assert there.call(lifecycle()) == {"outcome": "done"}
        assert there.item("cluster")["Phase"] == "deleting"
        assert there.groups.calls == [(call, name) for call in ("heartbeat", "complete") for name in there.groups.by_id]
        assert there.table.deletion_protection() == Known(False)


def test_a_phase_that_cannot_be_stored_keeps_every_member(there: FunctionHarness) -> None:
    there.store(member__i_1=VOTER)
    there.table.broken_writes = True
    with pytest.raises(PassFailed, match="SetPhaseDeleting cluster"):
        there.call(SCHEDULE)
    assert there.groups.calls == [("heartbeat", "i-1")]


# what the function's own writes set off


@pytest.mark.parametrize("asked", [False, True], ids=["while it holds a voter", "while it deletes the cluster"])
def test_the_functions_own_writes_do_not_wake_it_for_ever(
    there: FunctionHarness, server: AnswerServer, asked: bool
) -> None:
    there.store(member__i_1=VOTER)
    there.root.state = Known("DELETE_IN_PROGRESS" if asked else "UPDATE_COMPLETE")
    event: object = delete(server) if asked else SCHEDULE
    for _ in range(4):
        there.call(event)
        written = [key for key in there.table.changed if key != "lease#function"]
        event = stream(*there.table.changed)
        there.table.changed.clear()
        if not written:
            break
    else:
        pytest.fail(f"still writing {written}")
    assert there.call(event) == {"outcome": "ignored"}
