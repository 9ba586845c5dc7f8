"""Whether a node that no member answers may restore."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.approvals import Approval
from coordination.backups import Backup
from coordination.claims import FROM_NOTHING, claim_restoring
from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.outcomes import Known
from coordination.release_grants import ReleaseGrant
from tests.unit.userdata.boot.looks import BROKEN, ME, member, record
from userdata.boot.actions import GrantRelease, TakeClaim, Wait, WaitForHuman
from userdata.boot.restore import Evidence, RestoreRules, decide_restore, required_terminated, unreported

NOW = 1_800_000_000
RULES = RestoreRules(slots=3, oldest_backup_seconds=3600)
ROWS = (member("i-1"), member("i-2"), member("i-3", "joining"))
ALL = frozenset({"i-1", "i-2", "i-3"})
LOST = Evidence(
    node=ME,
    record=record(),
    rows=Known(ROWS),
    gone=Known(ALL),
    instances=Known(()),
    booted=Known(frozenset()),
    silent=True,
    backup=Known(Backup("backup-7", NOW - 600)),
    approval=Known(None),
    now=NOW,
)
OLD = Known(Backup("backup-7", NOW - 3601))


def in_slot(instance_id: str, state: str) -> GroupInstance:
    return GroupInstance(instance_id, "slot0", "control-plane", state)


def test_when_every_member_is_gone_the_newest_backup_is_restored_in_the_next_epoch() -> None:
    verdict = decide_restore(LOST, RULES)
    assert isinstance(verdict, TakeClaim)
    assert verdict.claim == claim_restoring(LOST.record, ME.instance_id, "backup-7")
    assert not verdict.wipe


def test_the_claim_is_refused_once_another_row_was_written() -> None:
    verdict = decide_restore(LOST, RULES)
    assert isinstance(verdict, TakeClaim)
    assert dict(verdict.claim.write.expected) == {"Epoch": 2, "Phase": "ready", "RowVersion": 3}


def test_exactly_the_members_of_the_epoch_are_judged() -> None:
    rows = (*ROWS, member("i-4", "removed"), member("i-5", epoch=1), member(ME.instance_id))
    assert required_terminated(rows, 2, ME.instance_id) == ALL


@pytest.mark.parametrize("left", ["i-1", "i-3"], ids=["a voter", "a joining member"])
def test_one_member_that_is_not_gone_blocks_the_restore_and_is_named(left: str) -> None:
    verdict = decide_restore(replace(LOST, gone=Known(ALL - {left})), RULES)
    assert isinstance(verdict, WaitForHuman)
    assert verdict.condition == "RestoreBlocked"
    assert left in verdict.reason


def test_an_approval_does_not_skip_a_member_that_is_not_gone() -> None:
    approved = Known(Approval(2, ",".join(ALL), "somebody"))
    verdict = decide_restore(replace(LOST, gone=Known(frozenset()), approval=approved), RULES)
    assert isinstance(verdict, WaitForHuman)


@pytest.mark.parametrize("rows", [(), (member("i-1", "removed"),), (member("i-1", epoch=1),)])
def test_a_ready_epoch_without_any_members_row_is_not_taken_for_all_gone(rows: tuple[Member, ...]) -> None:
    assert isinstance(decide_restore(replace(LOST, rows=Known(rows)), RULES), Wait)


@pytest.mark.parametrize("field", ["rows", "gone", "instances", "booted", "backup", "approval"])
def test_whatever_cannot_be_read_is_waited_for(field: str) -> None:
    broken: dict[str, Any] = {field: BROKEN}
    assert isinstance(decide_restore(replace(LOST, **broken), RULES), Wait)


def test_an_instance_that_nobody_heard_of_yet_is_waited_for() -> None:
    booting = in_slot("i-9", "Pending:Wait")
    assert isinstance(decide_restore(replace(LOST, instances=Known((booting,))), RULES), Wait)
    heard = replace(LOST, instances=Known((booting,)), booted=Known(frozenset({"i-9"})))
    assert isinstance(decide_restore(heard, RULES), TakeClaim)


def test_whoever_has_neither_a_members_row_nor_a_boot_row_was_not_heard_of() -> None:
    slots = [in_slot(name, "InService") for name in ("i-1", "i-8", "i-9")]
    worker = GroupInstance("i-7", "pool", "worker", "InService")
    assert unreported([*slots, worker], ROWS, ["i-8"]) == frozenset({"i-9"})


def test_a_backup_that_is_too_old_waits_for_a_human() -> None:
    verdict = decide_restore(replace(LOST, backup=OLD), RULES)
    assert isinstance(verdict, WaitForHuman)
    assert verdict.condition == "SnapshotTooOld"
    assert "InstanceIds i-1,i-2,i-3" in verdict.next_step


@pytest.mark.parametrize(
    ("approval", "restores"),
    [
        (Approval(2, ",".join(ALL), "somebody"), True),
        (Approval(1, ",".join(ALL), "somebody"), False),
        (Approval(2, ",".join(ALL - {"i-1"}), "somebody"), False),
        (Approval(2, ",".join(ALL | {"i-4"}), "somebody"), False),
    ],
    ids=["for this state", "for another epoch", "for fewer instances", "for more instances"],
)
def test_an_approval_lifts_the_age_for_the_very_state_that_it_names(approval: Approval, restores: bool) -> None:
    verdict = decide_restore(replace(LOST, backup=OLD, approval=Known(approval)), RULES)
    assert isinstance(verdict, TakeClaim) is restores


def test_a_cluster_that_lost_its_members_before_any_backup_waits_for_a_human() -> None:
    verdict = decide_restore(replace(LOST, backup=Known(None)), RULES)
    assert isinstance(verdict, WaitForHuman)
    assert "no backup" in verdict.reason


def founder_only(**changes: Any) -> Evidence:
    alone = replace(LOST, rows=Known((member("i-1"),)), gone=Known(frozenset({"i-1"})), backup=Known(None))
    return replace(alone, **changes)


def test_a_founder_that_was_lost_before_anyone_joined_it_is_followed_by_an_empty_cluster() -> None:
    verdict = decide_restore(founder_only(), RULES)
    assert isinstance(verdict, TakeClaim)
    assert verdict.claim.record.restore_from == FROM_NOTHING


def test_a_cluster_of_one_slot_is_not_founded_anew_unasked() -> None:
    assert isinstance(decide_restore(founder_only(), RestoreRules(1, 3600)), WaitForHuman)


def test_a_founder_that_anyone_ever_joined_is_not_followed_by_an_empty_cluster_unasked() -> None:
    rows = Known((member("i-1"), member("i-2", "removed")))
    assert isinstance(decide_restore(founder_only(rows=rows), RULES), WaitForHuman)


def silent_founder(*instances: GroupInstance, **changes: Any) -> Evidence:
    return founder_only(gone=Known(frozenset()), instances=Known(instances), **changes)


@pytest.mark.parametrize("state", ["Terminating", "Terminating:Wait", "Terminating:Proceed"])
def test_a_founder_that_nobody_joined_is_granted_release_when_it_is_silent_and_leaves(state: str) -> None:
    verdict = decide_restore(silent_founder(in_slot("i-1", state)), RULES)
    assert isinstance(verdict, GrantRelease)
    assert verdict.grant == ReleaseGrant("i-1", epoch=2, row_version=3, by=ME.instance_id)


@pytest.mark.parametrize("state", ["Pending", "Pending:Wait", "Pending:Proceed"])
def test_a_silent_founder_that_is_not_in_service_yet_is_left_to_its_launch_hook(state: str) -> None:
    verdict = decide_restore(silent_founder(in_slot("i-1", state)), RULES)
    assert isinstance(verdict, Wait)
    assert "launch hook" in verdict.reason


@pytest.mark.parametrize("state", ["InService", "Standby", "Terminating:Retained"])
def test_a_silent_founder_that_stays_is_named(state: str) -> None:
    verdict = decide_restore(silent_founder(in_slot("i-1", state)), RULES)
    assert isinstance(verdict, WaitForHuman)
    assert verdict.condition == "RestoreBlocked"
    assert "DisableApiTermination of i-1" in verdict.next_step


def test_a_silent_founder_that_is_in_no_group_is_named() -> None:
    assert isinstance(decide_restore(silent_founder(in_slot("i-2", "Terminating:Wait")), RULES), WaitForHuman)


def test_groups_that_cannot_be_read_release_nobody() -> None:
    unknown = replace(silent_founder(), instances=BROKEN)
    assert isinstance(decide_restore(unknown, RULES), Wait)


@pytest.mark.parametrize("state", ["voter", "joining", "removed"])
def test_a_member_that_another_one_has_ever_joined_is_not_granted_release(state: str) -> None:
    rows = Known((member("i-1"), member("i-2", state)))
    leaving = silent_founder(in_slot("i-1", "Terminating:Wait"), rows=rows)
    assert isinstance(decide_restore(leaving, RULES), WaitForHuman)


def test_the_only_member_of_a_cluster_of_one_slot_is_not_granted_release() -> None:
    leaving = silent_founder(in_slot("i-1", "Terminating:Wait"))
    assert isinstance(decide_restore(leaving, RestoreRules(1, 3600)), WaitForHuman)
