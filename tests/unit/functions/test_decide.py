"""What a pass decides while the cluster lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from coordination.conditions import Condition
from coordination.members import Member
from coordination.outcomes import Known, NoTable, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.release_grants import ReleaseGrant
from coordination.rows import Rows
from functions.reconcile.actions import (
    Action,
    ClearCondition,
    CompleteHook,
    Heartbeat,
    NoteHook,
    ProtectTable,
    SetCondition,
    Wait,
)
from functions.reconcile.decide import decide
from functions.reconcile.hold_condition import Held, condition_of
from tests.unit.functions.harness import BROKEN, CLUSTER_ID, NOW, instance, member, record, rows, snapshot

REASON = "member#i-1 is voter, and its removal waits: no agent has seen etcd's members yet"
VOTER = {"i-1": member("i-1", "voter")}


def held(reason: str, since: int) -> Condition:
    """What is stored of a voter that is held for a reason."""
    found = condition_of(Held(instance(), Unknown(reason), VOTER["i-1"].value), since, "")
    assert found is not None
    return found


def written_since() -> Known[ClusterRecord | None]:
    return Known(ClusterRecord(CLUSTER_ID, Phase.READY, 1, row_version=1))


def kinds(actions: Sequence[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("an instance without a row", {}),
        ("an instance before any cluster was founded", {"rows": rows(record=Known(None))}),
        ("a member that was removed", {"rows": rows(members={"i-1": member("i-1", "removed")})}),
        (
            "a row of an epoch before the last restore",
            {"rows": rows(record("ready", 2), {"i-1": member("i-1", "voter")})},
        ),
        ("a row of another instance", {"rows": rows(members={"i-2": member("i-2", "voter")})}),
        ("a root stack that cannot be read", {"root_status": BROKEN}),
    ],
)
def test_a_control_plane_instance_that_is_no_member_goes(case: str, changes: dict[str, Any]) -> None:
    assert kinds(decide(snapshot(instance(), **changes))) == ["CompleteHook"], case


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("a row that cannot be understood", {"rows": rows(members={"i-1": BROKEN})}),
        ("a record that cannot be understood", {"rows": rows(record=BROKEN)}),
        ("the record of another cluster", {"rows": rows(record=record(cluster_id="another"))}),
        ("a table that cannot be read", {"rows": BROKEN}),
        ("a lease whose state is unknown", {"lease": BROKEN}),
    ],
)
def test_a_control_plane_instance_that_may_be_a_member_is_held_and_named(case: str, changes: dict[str, Any]) -> None:
    actions = decide(snapshot(instance(), **changes))
    assert kinds(actions) == ["Heartbeat", "SetCondition"], case
    assert isinstance(actions[1], SetCondition)
    assert actions[1].condition.name == "TerminationHeld/i-1"
    assert actions[1].condition.reason == actions[0].reason


@pytest.mark.parametrize(
    ("case", "table"),
    [
        ("a voter", rows(members=VOTER)),
        ("a joining member", rows(members={"i-1": member("i-1", "joining")})),
        ("a row of a later epoch than the record's", rows(members={"i-1": member("i-1", "voter", 2)})),
        ("a row without any record", rows(Known(None), VOTER)),
    ],
)
def test_a_member_of_which_no_agent_tells_is_held_and_named(case: str, table: Known[Rows]) -> None:
    actions = [each for each in decide(snapshot(instance(), rows=table)) if not isinstance(each, NoteHook)]
    assert kinds(actions) == ["Heartbeat", "SetCondition"], case
    assert isinstance(actions[1], SetCondition)
    assert actions[1].condition.name == "RemovalWaits/i-1"
    assert actions[1].condition.reason == actions[0].reason


ALONE = {"i-1": member("i-1", "voter")}
SAID = {"i-1": ReleaseGrant("i-1", epoch=1, row_version=0, by="i-2")}


def test_the_only_member_goes_that_was_found_silent() -> None:
    (action,) = decide(snapshot(instance(), rows=rows(members=ALONE, release_grants=SAID)))
    assert isinstance(action, CompleteHook)
    assert "i-2 found" in action.reason


@pytest.mark.parametrize(
    ("case", "table"),
    [
        ("somebody wrote a row since", rows(written_since(), ALONE, release_grants=SAID)),
        ("the epoch is another one", rows(record("ready", 2), {"i-1": member("i-1", "voter", 2)}, release_grants=SAID)),
        ("nothing is ready", rows(record("restoring"), ALONE, release_grants=SAID)),
        ("it is the record of another cluster", rows(record(cluster_id="another"), ALONE, release_grants=SAID)),
        ("somebody joined it", rows(members={**ALONE, "i-2": member("i-2", "joining")}, release_grants=SAID)),
        ("somebody had joined it", rows(members={**ALONE, "i-2": member("i-2", "removed")}, release_grants=SAID)),
        ("a row cannot be understood", rows(members={**ALONE, "i-2": BROKEN}, release_grants=SAID)),
        (
            "it was said of another one",
            rows(members=ALONE, release_grants={"i-2": replace(SAID["i-1"], instance_id="i-2")}),
        ),
        ("the record is unknown", rows(BROKEN, ALONE, release_grants=SAID)),
    ],
)
def test_a_release_grant_is_void_where(case: str, table: Known[Rows]) -> None:
    actions = decide(snapshot(instance(), rows=table))
    assert {"Heartbeat", "SetCondition"} <= set(kinds(actions)), case
    assert "CompleteHook" not in kinds(actions), case


@pytest.mark.parametrize("state", ["InService", "Pending:Wait"])
def test_a_release_grant_ends_nothing_that_no_terminating_hook_holds(state: str) -> None:
    actions = decide(snapshot(instance(state=state), rows=rows(members=ALONE, release_grants=SAID)))
    assert "CompleteHook" not in kinds(actions)


def test_rows_of_earlier_epochs_do_not_make_a_member_less_alone() -> None:
    members = {"i-1": member("i-1", "voter", 2), "i-0": member("i-0", "voter", 1)}
    said = {"i-1": replace(SAID["i-1"], epoch=2)}
    state = snapshot(instance(), rows=rows(record("ready", 2), members, release_grants=said))
    assert kinds(decide(state)) == ["CompleteHook"]


def test_a_missing_table_holds_too_though_nothing_can_be_noted_in_it() -> None:
    assert kinds(decide(snapshot(instance(), rows=NoTable("gone")))) == ["Heartbeat"]


def test_a_worker_with_a_members_row_is_held() -> None:
    voter = rows(members={"i-1": member("i-1", "voter")})
    assert kinds(decide(snapshot(instance(role="worker"), rows=voter)))[0] == "Heartbeat"


@pytest.mark.parametrize("row", [member("i-1", "removed"), member("i-1", "voter", 0)])
def test_a_worker_that_is_no_member_any_more_goes(row: Known[Member]) -> None:
    assert kinds(decide(snapshot(instance(role="worker"), rows=rows(members={"i-1": row})))) == ["CompleteHook"]


def test_an_instance_of_a_group_without_a_role_is_held() -> None:
    assert kinds(decide(snapshot(instance(role="")))) == ["Heartbeat", "SetCondition"]


@pytest.mark.parametrize(
    "state",
    ["Pending", "Pending:Wait", "Pending:Proceed", "InService", "Standby", "Terminating", "Terminating:Proceed"],
)
def test_an_instance_that_no_terminating_hook_holds_is_left_alone(state: str) -> None:
    assert decide(snapshot(instance(state=state))) == []


def test_a_retained_instance_waits_for_its_removal_and_is_terminated_then() -> None:
    retained = instance(state="Terminating:Retained")
    actions = decide(snapshot(retained, rows=rows(members=VOTER)))
    assert kinds(actions) == ["Wait", "SetCondition"]
    assert isinstance(actions[1], SetCondition)
    assert actions[1].condition.name == "RemovalWaits/i-1"
    gone = rows(members={"i-1": member("i-1", "removed")})
    assert kinds(decide(snapshot(retained, rows=gone))) == ["TerminateRetained"]


def test_groups_that_cannot_be_read_mean_waiting_and_clear_no_condition() -> None:
    stored = held(REASON, NOW)
    actions = decide(snapshot(groups=BROKEN, rows=rows(conditions={stored.name: stored})))
    assert actions == [Wait("groups", BROKEN.reason)]


def test_one_member_that_is_held_does_not_hold_the_others() -> None:
    voter = rows(members={"i-1": member("i-1", "voter")})
    leaving = (instance("i-1"), instance("i-2", group="slot1"), instance("i-3", group="slot2"))
    actions = decide(snapshot(*leaving, rows=voter))
    assert [action.instance.instance_id for action in actions if isinstance(action, CompleteHook)] == ["i-2", "i-3"]
    assert [action.instance.instance_id for action in actions if isinstance(action, Heartbeat)] == ["i-1"]


def test_a_condition_is_written_once_and_again_only_when_its_reason_changes() -> None:
    members = {"i-1": Known(replace(VOTER["i-1"].value, hook_since=NOW - 500))}
    stored = held("no agent has seen etcd's members yet", NOW - 500)
    again = decide(snapshot(instance(), rows=rows(members=members, conditions={stored.name: stored})))
    assert kinds(again) == ["Heartbeat"]

    earlier = held("another reason", NOW - 500)
    changed = decide(snapshot(instance(), rows=rows(members=members, conditions={earlier.name: earlier})))
    assert changed[1:] == [SetCondition(stored, earlier, REASON)]
    assert stored.since == NOW - 500


def test_a_condition_is_cleared_when_nothing_is_held_any_more() -> None:
    stored = held(REASON, NOW - 500)
    actions = decide(snapshot(instance(state="InService"), rows=rows(conditions={stored.name: stored})))
    assert [action.condition for action in actions if isinstance(action, ClearCondition)] == [stored]


def test_conditions_of_other_kinds_are_left_to_their_owners() -> None:
    other = held(REASON, NOW)
    conditions = {"BootFailed": type(other)("BootFailed", "three in an hour", "look at the node", NOW)}
    assert decide(snapshot(rows=rows(conditions=conditions))) == []


@pytest.mark.parametrize("change", [{"lease": BROKEN}, {"rows": BROKEN}])
def test_no_condition_is_cleared_on_doubt(change: dict[str, Any]) -> None:
    stored = held(REASON, NOW)
    state = {"rows": rows(conditions={stored.name: stored}), **change}
    assert not [action for action in decide(snapshot(**state)) if isinstance(action, ClearCondition)]


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]
)
def test_the_table_is_protected_once_the_root_is_complete(status: str) -> None:
    actions = decide(snapshot(root_status=Known(status), table_protected=Known(False)))
    assert actions == [ProtectTable(f"the root stack is {status}")]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("while the root is created", {"root_status": Known("CREATE_IN_PROGRESS")}),
        ("after a create that failed and was not rolled back", {"root_status": Known("CREATE_FAILED")}),
        ("while the root's state is unknown", {"root_status": BROKEN}),
        ("once it is protected", {"table_protected": Known(True)}),
        ("while its protection is unknown", {"table_protected": Unknown("DescribeTable: slow")}),
        ("while the phase is unknown", {"rows": BROKEN}),
        ("while the cluster is being deleted", {"rows": rows(record=record("deleting"))}),
    ],
)
def test_the_table_is_not_protected(case: str, changes: dict[str, Any]) -> None:
    state = {"table_protected": Known(False), **changes}
    assert not [action for action in decide(snapshot(**state)) if isinstance(action, ProtectTable)], case
