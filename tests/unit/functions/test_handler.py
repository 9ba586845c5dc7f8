"""Whole calls of the function while the cluster lives: event in, then AWS as it is, and one line in the log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from coordination.outcomes import Known, Unknown
from coordination.release_grants import ReleaseGrant
from functions.reconcile import handler, passes
from functions.reconcile.handler import PassFailed
from functions.reconcile.settings import SettingsError, settings
from tests.unit.functions.events import SCHEDULE, lifecycle, stream
from tests.unit.functions.harness import (
    CLUSTER_ID,
    NOW,
    SETTINGS,
    TABLE,
    UUID,
    FunctionHarness,
    function_harness,
    instance,
)

VOTER = {"Epoch": 1, "State": "voter"}


def log_line(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one line that the last call wrote, beside its metrics."""
    (line,) = [found for each in capsys.readouterr().out.splitlines() if "_aws" not in (found := json.loads(each))]
    return line


# instances that leave


def test_an_instance_that_never_joined_goes(there: FunctionHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert there.call(lifecycle()) == {"outcome": "done"}
    assert there.groups.calls == [("complete", "i-1")]
    line = log_line(capsys)
    assert line["by"] == {"kind": "lifecycle", "instance": "i-1"}
    assert line["decisions"][0] == {
        "action": "CompleteHook",
        "subject": "i-1",
        "reason": "no row says that it is a member of etcd",
        "outcome": "Done",
    }


def test_a_voter_is_held_with_a_condition_until_its_row_says_removed(there: FunctionHarness) -> None:
    there.store(member__i_1=VOTER)
    for _ in range(2):
        there.call(SCHEDULE)
    assert there.groups.calls == [("heartbeat", "i-1")] * 2
    condition = there.item("condition#RemovalWaits/i-1")
    assert condition["Reason"] == ("member#i-1 is voter, and its removal waits: no agent has seen etcd's members yet")
    assert condition["Since"] == NOW
    assert there.item("member#i-1") == {"Id": "member#i-1", **VOTER, "HookSince": NOW}

    there.table.update("member#i-1", {"State": "removed"}, {})
    there.call(stream("member#i-1"))
    assert there.groups.calls[2:] == [("complete", "i-1")]
    assert there.stored_keys() == {"cluster", "member#i-1"}


def test_a_voter_that_was_alone_and_silent_is_let_go(there: FunctionHarness) -> None:
    there.store(member__i_1=VOTER)
    there.call(SCHEDULE)
    said = ReleaseGrant("i-1", epoch=1, row_version=3, by="i-2")
    there.table.put(said.item(), {})
    there.call(stream(said.item_id))
    assert there.groups.calls == [("heartbeat", "i-1"), ("complete", "i-1")]
    assert there.stored_keys() == {"cluster", "member#i-1", "release-grant#i-1"}


def test_a_release_grant_that_cannot_be_understood_releases_nobody(there: FunctionHarness) -> None:
    there.store(member__i_1=VOTER, release_grant__i_1={"Epoch": "1", "RowVersion": 3, "By": "i-2"})
    there.call(SCHEDULE)
    assert there.groups.calls == [("heartbeat", "i-1")]


def test_a_row_that_cannot_be_understood_holds_and_fails_the_call(there: FunctionHarness) -> None:
    there.store(member__i_1={"Epoch": 1, "State": "confused"})
    with pytest.raises(PassFailed, match="item member#i-1: State is 'confused'"):
        there.call(SCHEDULE)
    assert there.groups.calls == [("heartbeat", "i-1")]


def test_a_table_that_cannot_be_read_holds_and_fails_the_call(
    there: FunctionHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    there.table.broken_reads = True
    with pytest.raises(PassFailed, match="broken by the test"):
        there.call(lifecycle())
    assert there.groups.calls == [("heartbeat", "i-1")]
    line = log_line(capsys)
    assert (line["level"], line["outcome"], line["problems"]) == ("ERROR", "failed", ["broken by the test"])


def test_one_hook_that_cannot_be_answered_does_not_keep_the_others_waiting() -> None:
    with function_harness(*(instance(name) for name in ("i-1", "i-2", "i-3"))) as there:
        there.groups.fails = {"i-2"}
        with pytest.raises(PassFailed, match="CompleteHook i-2: broken by the test"):
            there.call(SCHEDULE)
        assert there.groups.calls == [("complete", "i-1"), ("complete", "i-2"), ("complete", "i-3")]


def test_what_does_not_fit_into_the_call_is_left_to_the_next_one(there: FunctionHarness) -> None:
    there.seconds_left = 5
    assert there.call(SCHEDULE) == {"outcome": "done"}
    assert there.groups.calls == []


def test_a_duplicate_event_does_no_harm(there: FunctionHarness) -> None:
    for _ in range(2):
        assert there.call(lifecycle()) == {"outcome": "done"}
    assert there.groups.calls == [("complete", "i-1")]


def test_groups_that_cannot_be_read_fail_the_call_and_clear_no_condition(there: FunctionHarness) -> None:
    there.store(member__i_1=VOTER)
    there.call(SCHEDULE)
    there.groups.broken = Unknown("DescribeAutoScalingGroups: no")
    with pytest.raises(PassFailed, match="DescribeAutoScalingGroups: no"):
        there.call(SCHEDULE)
    assert "condition#RemovalWaits/i-1" in there.stored_keys()


# the lease


def test_a_call_that_finds_another_pass_running_is_busy_and_touches_nothing(
    there: FunctionHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    there.store(lease__function={"Owner": "other", "StartedAt": NOW - 10, "Fence": 3})
    assert there.call(SCHEDULE) == {"outcome": "busy"}
    assert log_line(capsys)["reason"] == "other has held it for 10 s"
    for seconds, event in ((25, lifecycle()), (40, stream("member#i-1"))):
        assert there.call(event) == {"outcome": "busy"}
        assert log_line(capsys)["reason"] == f"other has held it for {seconds} s"
    assert there.groups.calls == []
    there.moment += 81
    assert there.call(SCHEDULE) == {"outcome": "done"}
    assert there.item("lease#function") == {"Id": "lease#function", "Fence": 4}


@pytest.mark.parametrize("event", [lifecycle(), stream("operation")], ids=["lifecycle", "table"])
def test_what_changed_while_another_pass_ran_is_looked_at_once_that_has_ended(
    there: FunctionHarness, event: object
) -> None:
    """That one may have read it before, and the schedule is a minute away."""
    there.store(lease__function={"Owner": "other", "StartedAt": NOW - 1, "Fence": 3})

    def ends() -> None:
        if there.moment >= NOW + 2:
            there.store(lease__function={"Fence": 3})

    there.meanwhile = ends
    assert there.call(event) == {"outcome": "done"}
    assert there.groups.calls == [("complete", "i-1")]
    assert there.moment < NOW + 4


def test_the_lease_is_released_after_a_call_that_failed(
    there: FunctionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(passes, "decide", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        there.call(SCHEDULE)
    assert there.item("lease#function") == {"Id": "lease#function", "Fence": 1}


# the table's protection


def test_the_table_is_protected_once_and_only_after_the_create(there: FunctionHarness) -> None:
    there.root.state = Known("CREATE_IN_PROGRESS")
    there.call(SCHEDULE)
    assert there.table.deletion_protection() == Known(False)
    there.root.state = Known("CREATE_COMPLETE")
    there.call(SCHEDULE)
    assert there.table.deletion_protection() == Known(True)
    assert there.call(SCHEDULE) == {"outcome": "done"}


# the entry


def test_an_event_that_is_ignored_needs_no_client(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert handler.handle({"unheard": "of"}, None) == {"outcome": "ignored"}
    assert log_line(capsys)["reason"] == "the event is of no kind that this function knows"


def environment(**changes: str) -> dict[str, str]:
    return {
        "HOLDFAST_CLUSTER_ID": CLUSTER_ID,
        "HOLDFAST_CLUSTER_UUID": UUID,
        "HOLDFAST_TABLE": TABLE,
        "HOLDFAST_TIMEOUT_SECONDS": "60",
        **changes,
    }


def test_the_settings_come_from_the_environment() -> None:
    assert settings(environment()) == SETTINGS
    assert settings(environment(HOLDFAST_TIMEOUT_SECONDS="90")) == replace(SETTINGS, timeout_seconds=90)


def test_answers_go_over_plain_http_only_where_aws_itself_is_asked_so() -> None:
    assert settings(environment(AWS_ENDPOINT_URL="http://localhost:5000")).plain_http
    assert not settings(environment(AWS_ENDPOINT_URL="https://vpce-1.example")).plain_http


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"HOLDFAST_TABLE": ""}, "HOLDFAST_TABLE is not set"),
        (
            {"HOLDFAST_TIMEOUT_SECONDS": "soon"},
            "HOLDFAST_TIMEOUT_SECONDS is 'soon', allowed: whole seconds, 1 to 900",
        ),
        ({"HOLDFAST_TIMEOUT_SECONDS": "0"}, "HOLDFAST_TIMEOUT_SECONDS is '0', allowed: whole seconds, 1 to 900"),
    ],
)
def test_a_wrong_environment_is_one_line(changes: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(environment(**changes))
    assert str(raised.value) == line
