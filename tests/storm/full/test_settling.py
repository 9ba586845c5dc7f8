"""When all is well, and what a person does until then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.members import Member, MemberState
from coordination.record import ClusterRecord, Phase
from rehearsal.cloud.table import Row
from tests.e2e.harness import Seen
from tests.storm.full import settling
from tests.storm.full.samples import voters
from tests.storm.full.settling import SERVES, failed_boot, of_groups, of_members, of_status, of_table
from userdata.etcd.model import MemberList

GROUP: dict[str, Any] = {
    "AutoScalingGroupName": "slot-0",
    "MinSize": 0,
    "DesiredCapacity": 1,
    "MaxSize": 2,
    "SuspendedProcesses": [],
    "Instances": [{"LifecycleState": "InService"}],
}
HELD = Condition(
    "SurplusHeld/slot-0", "MinSize is 2", "aws autoscaling update-auto-scaling-group --min-size 0: then", 1
)


def seen(*conditions: Condition, rows: tuple[Row, ...] = ()) -> Seen:
    return Seen(None, {}, {}, {each.name: each for each in conditions}, None, None, rows)


def test_a_group_is_at_rest_with_its_template_s_sizes_and_one_instance_in_service() -> None:
    assert of_groups([GROUP]) == []
    changes: list[dict[str, Any]] = [
        {"MinSize": 1},
        {"DesiredCapacity": 2},
        {"MaxSize": 3},
        {"SuspendedProcesses": [{"ProcessName": "Terminate"}]},
        {"Instances": []},
        {"Instances": [{"LifecycleState": "Terminating:Wait"}]},
        {"Instances": GROUP["Instances"] * 2},
    ]
    for change in changes:
        assert len(of_groups([GROUP | change])) == 1, change


def test_a_stack_is_at_rest_when_an_operation_of_it_is_complete() -> None:
    assert of_status("UPDATE_ROLLBACK_COMPLETE") == []
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"):
        assert of_status(status) == [f"the root stack is {status}"]


def test_a_condition_is_left_until_it_is_gone() -> None:
    assert of_table(seen(), []) == []
    assert of_table(seen(HELD), []) == [f"a condition: {HELD}"]


def test_who_waits_after_a_failed_boot_is_named_by_its_condition() -> None:
    failed = Condition("BootFailed/slot-0", "3 boots failed", "Correct what it says, then have i-1 replaced.", 1)
    waits = Row("i-1", "slot 0", "running", "Pending:Wait", "-", "boot-failed", 1)
    assert failed_boot(failed, seen(failed, rows=(waits,))) == "i-1"
    assert failed_boot(failed, seen(failed)) == ""
    other = Condition("StrangerMember", "i-1 is in no slot", "Terminate i-1.", 1)
    assert failed_boot(other, seen(other, rows=(waits,))) == ""


def test_a_person_waits_before_doing_the_same_again() -> None:
    waits = settling.Waits(30.0)
    assert [waits.may("a", at) for at in (0.0, 1.0, 29.0, 31.0, 32.0)] == [True, False, False, True, False]
    assert waits.may("b", 1.0)


NAMES = ("a", "b", "c")
LISTED = replace(voters("abc"), cluster_id=0xE1)
RECORD = ClusterRecord("cluster", Phase.READY, 1, etcd_cluster_id="e1")


def whole() -> Seen:
    """Three voters in whom record, rows, boots, EC2 and etcd agree."""
    rows = tuple(Row(name, f"slot {n}", "running", "InService", "-", SERVES, 1) for n, name in enumerate(NAMES))
    members = {
        name: Member(name, 1, MemberState.VOTER, str(n), "10.0.0.1", etcd_member_id=f"{n + 1:x}")
        for n, name in enumerate(NAMES)
    }
    boots = {name: Boot(f"arn:{name}", SERVES) for name in NAMES}
    return Seen(RECORD, members, boots, {}, None, None, rows)


def without(seen: Seen, name: str) -> dict[str, Member]:
    return {other: row for other, row in seen.members.items() if other != name}


def test_members_are_at_rest_when_all_agree_and_answer() -> None:
    assert of_members(whole(), LISTED, lambda name: True, []) == []


def test_each_of_them_that_does_not_agree_is_told() -> None:
    good = whole()
    row = good.members["a"]
    wrong: list[tuple[Seen, MemberList | None]] = [
        (good, None),
        (replace(good, record=None), LISTED),
        (replace(good, record=replace(RECORD, phase=Phase.CLAIMED)), LISTED),
        (replace(good, record=replace(RECORD, etcd_cluster_id="e2")), LISTED),
        (replace(good, boots={**good.boots, "a": Boot("arn:a", "serve")}), LISTED),
        (replace(good, members=without(good, "a")), LISTED),
        (replace(good, members={**good.members, "a": replace(row, epoch=2)}), LISTED),
        (replace(good, members={**good.members, "a": replace(row, etcd_member_id="ff")}), LISTED),
        (replace(good, members={**good.members, "d": replace(row, state=MemberState.JOINING)}), LISTED),
        (replace(good, rows=good.rows[1:]), LISTED),
        (good, replace(voters("abcd"), cluster_id=0xE1)),
        (good, replace(voters("ab"), cluster_id=0xE1)),
    ]
    for seen, listed in wrong:
        assert len(of_members(seen, listed, lambda name: True, [])) == 1, (seen, listed)


def test_a_voter_that_does_not_answer_is_told() -> None:
    assert of_members(whole(), LISTED, lambda name: name != "b", []) == ["etcd of b does not answer"]


def test_whom_a_person_took_out_of_its_group_is_none_of_the_slots() -> None:
    assert len(of_members(whole(), LISTED, lambda name: True, ["a"])) == 1
