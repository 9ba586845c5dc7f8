"""Which instances in service the function ends: silent members, and those that are no members at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from coordination.instances import GroupInstance
from coordination.members import SILENT_SECONDS, Member, MemberState
from coordination.outcomes import Known, Unknown
from coordination.quorum import Membership
from functions.reconcile.believed import Believed
from functions.reconcile.endings import MOST_AN_HOUR, SILENT_MEMBERS, Endings, endings
from functions.reconcile.places import Place
from functions.reconcile.removals import Facts
from tests.unit.functions.harness import BROKEN, NOW

LONG_AGO = NOW - SILENT_SECONDS


def row(name: str, **changes: Any) -> Member:
    fields: dict[str, Any] = {"state": MemberState.VOTER, "slot": name[-1], **changes}
    return replace(Member(name, 1, MemberState.VOTER), **fields)


def serving(name: str, state: str = "InService") -> GroupInstance:
    return GroupInstance(name, f"slot{name[-1]}", "control-plane", state, name[-1])


def facts(silent: Mapping[str, int], places: Mapping[str, Place] | None = None, **changes: Any) -> Facts:
    """A cluster of three in service, of whom some have been `silent` since then."""
    names = ("i-0", "i-1", "i-2")
    members = Membership(frozenset(names) - silent.keys(), frozenset(silent))
    state = {Place.LAUNCHES: "Pending:Wait", Place.LEAVES: "Terminating:Wait", Place.RETAINED: "Terminating:Retained"}
    where = dict.fromkeys(names, Place.SERVES) | dict(places or {})
    healthy = Facts(
        rows={name: row(name, silent_since=silent.get(name)) for name in names},
        places=where,
        instances=tuple(serving(name, state.get(where[name], "InService")) for name in names),
        believed=Known(Believed(members, {}, False)),
        slots=3,
        in_flight=False,
        now=NOW,
    )
    return replace(healthy, **changes)


def ended(found: Endings) -> list[str]:
    return [each.instance.instance_id for each in found.now]


def test_a_member_that_has_been_silent_for_ten_minutes_is_ended_and_that_is_counted() -> None:
    found = endings(facts({"i-1": LONG_AGO}))
    assert ended(found) == ["i-1"]
    assert found.now[0].row == row("i-1", silent_since=LONG_AGO)
    assert found.condition is None


def test_one_under_its_launch_hook_is_ended_too() -> None:
    assert ended(endings(facts({"i-1": LONG_AGO}, {"i-1": Place.LAUNCHES}))) == ["i-1"]


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("it has been silent for less than ten minutes", facts({"i-1": LONG_AGO + 1})),
        ("no agent has seen a majority lately", facts({"i-1": LONG_AGO}, believed=BROKEN)),
        ("etcd could not do without it", facts({"i-1": LONG_AGO, "i-2": NOW})),
        ("it leaves already", facts({"i-1": LONG_AGO}, {"i-1": Place.LEAVES})),
        ("it is in service of no slot", facts({"i-1": LONG_AGO}, {"i-1": Place.STRANGER})),
        ("nobody is silent", facts({})),
    ],
)
def test_nothing_is_ended_where(case: str, found: Facts) -> None:
    assert endings(found) == Endings(), case


def test_one_that_answers_again_is_left_alone_though_its_row_still_says_silent() -> None:
    found = facts({})
    rows = {**found.rows, "i-1": row("i-1", silent_since=LONG_AGO)}
    assert endings(replace(found, rows=rows)) == Endings()


@pytest.mark.parametrize("place", [Place.LEAVES, Place.RETAINED])
def test_one_at_a_time_is_ended_so_not_beside_another_silent_one_that_leaves(place: Place) -> None:
    five = {f"i-{number}": row(f"i-{number}") for number in range(5)}
    rows = {**five, "i-1": row("i-1", silent_since=LONG_AGO), "i-2": row("i-2", silent_since=LONG_AGO)}
    members = Membership(frozenset({"i-0", "i-3", "i-4"}), frozenset({"i-1", "i-2"}))
    beside = facts(
        {},
        rows=rows,
        places=dict.fromkeys(rows, Place.SERVES) | {"i-2": place},
        instances=tuple(serving(name) for name in rows),
        believed=Known(Believed(members, {}, False)),
        slots=5,
    )
    assert ended(endings(beside)) == []
    # One that leaves and came back does not count.
    back = Membership(members.answering | {"i-2"}, frozenset({"i-1"}))
    assert ended(endings(replace(beside, believed=Known(Believed(back, {}, False))))) == ["i-1"]


def test_the_one_that_has_been_silent_for_longest_is_ended_first() -> None:
    five = {f"i-{number}": row(f"i-{number}") for number in range(5)}
    rows = {**five, "i-3": row("i-3", silent_since=LONG_AGO - 1), "i-1": row("i-1", silent_since=LONG_AGO)}
    members = Membership(frozenset({"i-0", "i-2", "i-4"}), frozenset({"i-1", "i-3"}))
    found = facts(
        {},
        rows=rows,
        places=dict.fromkeys(rows, Place.SERVES),
        instances=tuple(serving(name) for name in rows),
        believed=Known(Believed(members, {}, False)),
        slots=5,
    )
    assert ended(endings(found)) == ["i-3"]


def test_a_fourth_within_an_hour_waits_for_a_person() -> None:
    found = facts({"i-1": LONG_AGO})
    gone = {
        f"i-gone{number}": row(f"i-gone{number}", state=MemberState.REMOVED, ended_at=NOW - 3599)
        for number in range(MOST_AN_HOUR)
    }
    places = {**found.places, **dict.fromkeys(gone, Place.GONE)}
    after = endings(replace(found, rows={**found.rows, **gone}, places=places))
    assert ended(after) == []
    assert after.condition is not None
    assert after.condition.name == SILENT_MEMBERS
    older = {name: replace(each, ended_at=NOW - 3600) for name, each in gone.items()}
    assert ended(endings(replace(found, rows={**found.rows, **older}, places=places))) == ["i-1"]


@pytest.mark.parametrize("rows", [{}, {"i-9": row("i-9", state=MemberState.REMOVED)}], ids=["no row", "removed"])
def test_an_instance_in_service_that_etcd_does_not_list_is_ended(rows: Mapping[str, Member]) -> None:
    found = facts({})
    beside = replace(
        found,
        rows={**found.rows, **rows},
        places={**found.places, **dict.fromkeys(rows, Place.SERVES)},
        instances=(*found.instances, serving("i-9")),
    )
    assert [(each.instance.instance_id, each.row) for each in endings(beside).now] == [("i-9", None)]
    launching = replace(beside, instances=(*found.instances, serving("i-9", "Pending:Wait")))
    assert endings(launching) == Endings()
    worker = GroupInstance("i-9", "pool", "worker", "InService")
    assert endings(replace(beside, instances=(*found.instances, worker))) == Endings()
    unseen = replace(beside, believed=Unknown("nobody looked"))
    assert endings(unseen) == Endings()


def test_a_voter_by_its_row_is_no_stranger_though_no_look_has_seen_it_yet() -> None:
    found = facts({})
    assert isinstance(found.believed, Known)
    older = Membership(frozenset({"i-0", "i-1"}), frozenset())
    assert endings(replace(found, believed=Known(Believed(older, {}, False)))) == Endings()


def test_one_that_etcd_lists_is_no_stranger_though_its_row_says_removed() -> None:
    found = facts({})
    rows = {**found.rows, "i-2": row("i-2", state=MemberState.REMOVED)}
    seen = {"i-0": "0", "i-1": "1", "i-2": "2"}
    members = Membership(frozenset({"i-0", "i-1"}), frozenset())
    listed = replace(found, rows=rows, believed=Known(Believed(members, seen, False)))
    assert endings(listed) == Endings()
    del seen["i-2"]
    assert ended(endings(replace(listed, believed=Known(Believed(members, seen, False))))) == ["i-2"]
