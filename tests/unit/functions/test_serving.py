"""Which terminating members stay reachable by the API's name."""

from __future__ import annotations

from dataclasses import replace

from coordination.instances import GroupInstance, SlotGroup
from coordination.members import Member, MemberState
from coordination.outcomes import Known
from coordination.quorum import Membership
from functions.reconcile.believed import Believed
from functions.reconcile.places import Place
from functions.reconcile.removals import Facts
from functions.reconcile.serving import serving
from tests.unit.functions.harness import BROKEN, NOW

NAMES = ("i-0", "i-1", "i-2")
SLOTS = [SlotGroup(f"slot{slot}", str(slot), 0, 1, 2, target_groups=("arn:targets",)) for slot in range(3)]


def facts(states: tuple[str, str, str], silent: frozenset[str] = frozenset()) -> Facts:
    """Three members whose instances are in these states."""
    return Facts(
        rows={name: Member(name, 1, MemberState.VOTER, name[-1], hook_since=NOW - 9) for name in NAMES},
        places=dict.fromkeys(NAMES, Place.LEAVES),
        instances=tuple(
            GroupInstance(name, f"slot{name[-1]}", "control-plane", state, name[-1])
            for name, state in zip(NAMES, states, strict=True)
        ),
        believed=Known(Believed(Membership(frozenset(NAMES) - silent, silent), {}, False)),
        slots=3,
        in_flight=False,
        now=NOW,
    )


ALL_LEAVE = facts(("Terminating:Wait", "Terminating:Wait", "Terminating:Wait"))
ONE_STAYS = facts(("Terminating:Wait", "Terminating:Wait", "InService"))


def told(found: Facts) -> list[tuple[str, bool]]:
    return [(each.instance.instance_id, each.registers) for each in serving(found, SLOTS)]


def since(found: Facts, *names: str) -> Facts:
    rows = {name: replace(row, target_since=NOW - 5) if name in names else row for name, row in found.rows.items()}
    return replace(found, rows=rows)


def test_where_every_member_terminates_those_that_answer_are_targets_again() -> None:
    assert told(ALL_LEAVE) == [("i-0", True), ("i-1", True), ("i-2", True)]
    silent = facts(("Terminating:Wait", "Terminating:Wait", "Terminating:Wait"), frozenset({"i-1"}))
    assert told(silent) == [("i-0", True), ("i-2", True)]


def test_each_is_registered_once() -> None:
    assert told(since(ALL_LEAVE, *NAMES)) == []


def test_where_one_serves_none_is_registered_and_those_that_were_leave() -> None:
    assert told(ONE_STAYS) == []
    assert told(since(ONE_STAYS, "i-0")) == [("i-0", False)]


def test_one_in_service_that_does_not_answer_serves_nobody() -> None:
    silent = facts(("Terminating:Wait", "Terminating:Wait", "InService"), frozenset({"i-2"}))
    assert told(silent) == [("i-0", True), ("i-1", True)]


def test_nothing_is_changed_while_nobody_has_seen_etcd() -> None:
    assert told(replace(ALL_LEAVE, believed=BROKEN)) == []
    assert told(replace(since(ONE_STAYS, "i-0"), believed=BROKEN)) == []


def test_clients_have_their_time_from_the_last_deregistration_on() -> None:
    row = ALL_LEAVE.rows["i-0"]
    assert row.leaves_since() == NOW - 9
    assert replace(row, left_at=NOW - 2).leaves_since() == NOW - 2
    assert replace(row, hook_since=None).leaves_since() is None
