"""Which of two instances of a slot is ended, and when none is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.instances import GroupInstance, Groups
from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Known
from coordination.quorum import Membership
from functions.reconcile.actions import EndSurplus
from functions.reconcile.believed import Believed
from functions.reconcile.decide import decide
from functions.reconcile.places import Place
from functions.reconcile.removals import Facts
from functions.reconcile.surplus import Surplus, surplus
from tests.unit.functions.harness import BROKEN, NOW, rows, slot, snapshot

AT_REST = frozenset({"slot0"})
OLD, NEW = "i-old", "i-new"


def of_slot_0(name: str, state: str = "InService") -> GroupInstance:
    return GroupInstance(name, "slot0", "control-plane", state, "0")


def facts(*instances: GroupInstance, silent: frozenset[str] = frozenset(), **changes: Any) -> Facts:
    """Slot 0 with these instances, the members of which have written their rows one after the other."""
    rows = {
        name: Member(name, 1, MemberState.VOTER, "0", created_at=NOW - age) for name, age in ((OLD, 900), (NEW, 100))
    }
    found = Facts(
        rows=rows,
        places=dict.fromkeys(rows, Place.SERVES),
        instances=instances,
        believed=Known(Believed(Membership(frozenset(rows) - silent, silent), {}, False)),
        slots=3,
        in_flight=False,
        now=NOW,
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("case", "found", "ended"),
    [
        ("the newest of two that serve", facts(of_slot_0(OLD), of_slot_0(NEW)), NEW),
        ("the silent one", facts(of_slot_0(OLD), of_slot_0(NEW), silent=frozenset({OLD})), OLD),
        ("the one that boots", facts(of_slot_0(OLD), of_slot_0("i-boots", "Pending:Wait")), "i-boots"),
    ],
)
def test_of_two_instances_is_ended(case: str, found: Facts, ended: str) -> None:
    assert [each.instance_id for each in surplus(found, [slot(0, desired=2)], AT_REST).now] == [ended], case


@pytest.mark.parametrize(
    ("case", "found", "desired", "at_rest"),
    [
        ("it may be rolled", facts(of_slot_0(OLD), of_slot_0(NEW)), 2, frozenset({"slot1"})),
        ("its size is one already", facts(of_slot_0(OLD), of_slot_0(NEW)), 1, AT_REST),
        ("the second one has not been launched", facts(of_slot_0(OLD)), 2, AT_REST),
        ("one leaves already", facts(of_slot_0(OLD), of_slot_0(NEW, "Terminating:Wait")), 2, AT_REST),
        ("nobody has seen etcd lately", facts(of_slot_0(OLD), of_slot_0(NEW), believed=BROKEN), 2, AT_REST),
    ],
)
def test_nothing_is_ended_where(case: str, found: Facts, desired: int, at_rest: frozenset[str]) -> None:
    assert surplus(found, [slot(0, desired=desired)], at_rest) == Surplus(), case


def test_a_minimum_that_keeps_both_is_named_with_the_command_that_lowers_it() -> None:
    found = surplus(facts(of_slot_0(OLD), of_slot_0(NEW)), [slot(0, desired=2, min_size=2)], AT_REST)
    assert found.now == ()
    (condition,) = found.conditions
    assert condition.name == "SurplusHeld/slot-0"
    assert "--auto-scaling-group-name slot0 --min-size 0" in condition.next_step


def test_a_minimum_of_one_leaves_room_for_the_decrement() -> None:
    found = surplus(facts(of_slot_0(OLD), of_slot_0(NEW)), [slot(0, desired=2, min_size=1)], AT_REST)
    assert [each.instance_id for each in found.now] == [NEW]


def test_another_slot_is_left_alone() -> None:
    other = replace(of_slot_0(NEW), group="slot1", slot="1")
    assert surplus(facts(of_slot_0(OLD), other), [slot(0, desired=2), slot(1, desired=1)], AT_REST) == Surplus()


def test_the_pass_that_first_sees_a_member_leave_ends_none_and_the_next_one_does() -> None:
    serving = [of_slot_0(OLD), of_slot_0(NEW), GroupInstance("i-2", "slot2", "control-plane", "InService", "2")]
    leaving = GroupInstance("i-1", "slot1", "control-plane", "Terminating:Wait", "1")
    names = (OLD, NEW, "i-1", "i-2")
    voters = {
        name: Member(name, 1, MemberState.VOTER, "0", etcd_member_id=name, created_at=NOW - 900) for name in names
    }
    seen = ClusterObservation(NOW, OLD, 1, members=tuple(SeenMember(name, name, False, "") for name in names))
    seats = Groups((*serving, leaving), (slot(0, desired=2), slot(1, desired=1), slot(2, desired=1)))

    def ended(**noted: Any) -> list[str]:
        stored = {name: Known(each) for name, each in {**voters, "i-1": replace(voters["i-1"], **noted)}.items()}
        state = snapshot(rows=rows(members=stored, observation=Known(seen)), groups=Known(seats))
        return [each.instance.instance_id for each in decide(state) if isinstance(each, EndSurplus)]

    assert ended() == []
    assert ended(hook_since=NOW - 1) == [NEW]
