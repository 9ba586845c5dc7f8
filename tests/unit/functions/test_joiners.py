"""In which slots joiners wait for an update of another one, and which member makes room for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.instances import GroupInstance, Groups
from coordination.members import Member, MemberState
from coordination.names import joiners_wait_timer
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Known
from functions.reconcile.actions import EndInstance, EndSurplus, SetCondition, StartTimer, StopTimer
from functions.reconcile.decide import decide
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.harness import BROKEN, NOW, instance, record, rows, slot, snapshot

WAIT = joiners_wait_timer("1")
MEMBERS = {"i-0": "slot0", "i-old": "slot1", "i-new": "slot1", "i-2": "slot2"}
"""Four of three slots: the update of slot 1 was cancelled once its newcomer had joined."""
NEWCOMER = GroupInstance("i-boots", "slot0", "control-plane", "Pending:Wait", "0")
STATES = {"slot0": Known("UPDATE_IN_PROGRESS"), "slot1": Known("UPDATE_FAILED")}


def voter(name: str, **changes: Any) -> Known[Member]:
    row = Member(
        name, 1, MemberState.VOTER, "0", etcd_member_id=name, created_at=NOW - (100 if name == "i-new" else 900)
    )
    return Known(replace(row, **changes))


def serving(*left_out: str) -> list[GroupInstance]:
    return [instance(name, "InService", group=group) for name, group in MEMBERS.items() if name not in left_out]


WITHOUT_NEW = serving("i-new")
BOOTS = instance("i-new", "Pending:Wait", group="slot1")


def rolled_back(
    *instances: GroupInstance,
    listed: tuple[str, ...] = tuple(MEMBERS),
    min_size: int = 2,
    stored: tuple[str, ...] = (WAIT,),
    row: dict[str, Any] | None = None,
    **changes: Any,
) -> Snapshot:
    """Slot 0 is rolled back, and slot 1 is left with two instances."""
    members = {name: voter(name, **(row or {} if MEMBERS[name] == "slot1" else {})) for name in listed}
    seen = ClusterObservation(NOW, "i-2", 1, members=tuple(SeenMember(name, name, False, "") for name in listed))
    groups = (slot(0, desired=2, min_size=2), slot(1, desired=2, min_size=min_size), slot(2, desired=1))
    return snapshot(
        **{
            "groups": Known(Groups((*(instances or serving()), NEWCOMER), groups)),
            "rows": rows(members=members, observation=Known(seen), timers=dict.fromkeys(stored, NOW - 60)),
            "root_status": Known("UPDATE_ROLLBACK_IN_PROGRESS"),
            "slot_states": STATES,
            **changes,
        }
    )


def waits(found: Snapshot) -> bool:
    """Whether the timer is to run once the pass has ended."""
    actions = decide(found)
    assert isinstance(found.rows, Known)
    started = any(isinstance(each, StartTimer) and each.timer.name == WAIT for each in actions)
    stopped = any(isinstance(each, StopTimer) and each.timer.name == WAIT for each in actions)
    return started or (WAIT in found.rows.value.timers and not stopped)


def ended(found: Snapshot) -> list[str]:
    actions = decide(found)
    assert not [each for each in actions if isinstance(each, EndSurplus)]
    return [each.instance.instance_id for each in actions if isinstance(each, EndInstance)]


def test_joiners_wait_first_and_then_the_newest_member_is_ended() -> None:
    first = rolled_back(stored=())
    assert (waits(first), ended(first)) == (True, [])
    assert (waits(rolled_back()), ended(rolled_back())) == (True, ["i-new"])


def test_the_wait_goes_on_until_the_update_rolls_the_slot_itself_or_is_over() -> None:
    between = {"slot0": Known("UPDATE_COMPLETE"), "slot1": Known("UPDATE_FAILED")}
    assert waits(rolled_back(slot_states=between))
    itself = {"slot0": Known("UPDATE_COMPLETE"), "slot1": Known("UPDATE_IN_PROGRESS")}
    assert not waits(rolled_back(slot_states=itself))
    for over in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"):
        assert not waits(rolled_back(root_status=Known(over))), over


def test_a_person_is_called_once_the_update_is_over_and_not_before() -> None:
    def told(found: Snapshot) -> bool:
        names = [each.condition.name for each in decide(found) if isinstance(each, SetCondition)]
        return "SurplusHeld/slot-1" in names

    assert not told(rolled_back())
    assert told(rolled_back(root_status=Known("UPDATE_FAILED")))


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("no other slot is rolled", rolled_back(stored=(), slot_states={"slot1": Known("UPDATE_FAILED")})),
        ("its own state is unknown", rolled_back(slot_states={**STATES, "slot1": BROKEN})),
        ("the update is unknown", rolled_back(root_status=BROKEN)),
        ("its group can be lowered", rolled_back(min_size=1)),
        ("no instance serves in it", rolled_back(*serving("i-old", "i-new"))),
        ("an agent has written that both are silent", rolled_back(row={"silent_since": NOW - 60})),
        ("no row of a voter is there yet", rolled_back(row={"state": MemberState.JOINING})),
        ("its rows are of an epoch before", rolled_back(row={"epoch": 0})),
    ],
)
def test_nobody_waits_where(case: str, found: Snapshot) -> None:
    assert not waits(found), case


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("the second instance is no member", rolled_back(*WITHOUT_NEW, BOOTS, listed=("i-0", "i-old", "i-2"))),
        ("one leaves already", rolled_back(*serving("i-new"), instance("i-new", group="slot1"))),
        ("a member of another slot leaves", rolled_back(*serving("i-2"), instance("i-2", group="slot2"))),
        ("no slot is rolled any more", rolled_back(slot_states={**STATES, "slot0": Known("UPDATE_COMPLETE")})),
        ("nobody has seen etcd lately", rolled_back(rows=rows(timers={WAIT: NOW - 60}))),
        ("no cluster is ready", rolled_back(rows=rows(record=record("restoring"), timers={WAIT: NOW - 60}))),
    ],
)
def test_no_member_is_ended_where(case: str, found: Snapshot) -> None:
    assert ended(found) == [], case


def test_the_silent_one_of_the_two_is_ended() -> None:
    silent = tuple(SeenMember(name, name, False, "it does not answer" if name == "i-old" else "") for name in MEMBERS)
    found = rolled_back()
    assert isinstance(found.rows, Known)
    seen = Known(ClusterObservation(NOW, "i-2", 1, members=silent))
    assert ended(replace(found, rows=Known(replace(found.rows.value, observation=seen)))) == ["i-old"]
