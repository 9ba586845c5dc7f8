"""The conditions of members that wait to leave: when they are named, and what they tell a person to do."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from coordination.approvals import approval
from coordination.conditions import Condition
from coordination.instances import GroupInstance, Groups
from coordination.members import Member
from coordination.outcomes import Known, Unknown
from coordination.quorum import Objection
from functions.reconcile.actions import ClearCondition, SetCondition
from functions.reconcile.decide import decide
from functions.reconcile.hold_condition import removal_waits, stranger
from functions.reconcile.places import Place
from functions.reconcile.removals import Hold, NoRoom, Pending, plan
from functions.reconcile.snapshot import Snapshot
from functions.reconcile.waiting import conditions
from tests.unit.functions.harness import BROKEN, NOW, SLOTS, TABLE, member, rows, snapshot
from tests.unit.functions.test_removals import Cluster, leaving

OBJECTIONS: list[Hold] = [*Objection, *NoRoom, BROKEN]
BELOW: list[Hold] = [Objection.BELOW_MAJORITY_OF_SLOTS, NoRoom.BELOW_MAJORITY_OF_SLOTS]
LONG = 900


def named(cluster: Cluster) -> list[str]:
    """The names of the conditions that members have of which no hook tells."""
    facts = cluster.facts()
    return [each.name for each in conditions(facts, plan(facts).holds, TABLE)]


@pytest.mark.parametrize(
    ("rule", "cluster", "names"),
    [
        (
            "a member whose instance is gone waits by a condition",
            Cluster({1}, {2, 3}, places=leaving(2, place=Place.GONE)),
            ["RemovalWaits/i-2"],
        ),
        (
            "one that is removed now has none",
            Cluster({1, 2}, {3}, places=leaving(3, place=Place.GONE)),
            [],
        ),
        (
            "one that waits for what passes by itself has none for a quarter of an hour",
            Cluster(
                {1, 2}, {3}, places=leaving(3, place=Place.GONE), in_flight=True, rows={3: {"silent_since": NOW - 899}}
            ),
            [],
        ),
        (
            "and has one after that",
            Cluster(
                {1, 2}, {3}, places=leaving(3, place=Place.GONE), in_flight=True, rows={3: {"silent_since": NOW - LONG}}
            ),
            ["RemovalWaits/i-3"],
        ),
        (
            "a voter in service of no slot is named a stranger while its removal waits",
            Cluster({1, 2}, places=leaving(1, place=Place.STRANGER)),
            ["StrangerMember/i-1"],
        ),
        (
            "also for what passes by itself",
            Cluster(places=leaving(1, place=Place.STRANGER), in_flight=True),
            ["StrangerMember/i-1"],
        ),
        ("a silent one, too", Cluster({1}, {2, 3}, places=leaving(2, place=Place.STRANGER)), ["StrangerMember/i-2"]),
        ("one that a hook holds is named with its hook", Cluster({1, 2}, places=leaving(1)), []),
        ("and one that is retained with its instance", Cluster({1, 2}, places=leaving(1, place=Place.RETAINED)), []),
        ("one in service has none", Cluster({1, 2}), []),
    ],
)
def test_members_without_a_hook(rule: str, cluster: Cluster, names: list[str]) -> None:
    assert named(cluster) == names, rule


def row(**fields: object) -> Member:
    return replace(member("i-1", "voter", 4).value, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("why", OBJECTIONS)
def test_an_objection_is_named_from_the_first_minute(why: Hold) -> None:
    found = removal_waits(row(hook_since=NOW), why, NOW, TABLE)
    assert found is not None
    assert (found.name, found.since) == ("RemovalWaits/i-1", NOW)
    assert found.next_step


@pytest.mark.parametrize("why", list(Pending))
def test_what_passes_by_itself_is_named_once_it_has_not_for_a_quarter_of_an_hour(why: Pending) -> None:
    assert removal_waits(row(hook_since=NOW - LONG + 1), why, NOW, TABLE) is None
    assert removal_waits(row(hook_since=NOW - LONG, silent_since=NOW), why, NOW, TABLE) is not None
    assert removal_waits(row(), why, NOW, TABLE) is None


@pytest.mark.parametrize("why", BELOW)
def test_the_next_step_ends_with_a_command_that_stores_the_approval_of_this_very_removal(why: Hold) -> None:
    found = removal_waits(row(), why, NOW, TABLE)
    assert found is not None
    said, aws, pasted = found.next_step.partition("aws dynamodb")
    assert "risk" in said
    words = shlex.split(aws + pasted)
    assert words[:5] == ["aws", "dynamodb", "put-item", "--table-name", TABLE]
    typed = json.loads(words[words.index("--item") + 1])
    item = {name: int(value["N"]) if "N" in value else value["S"] for name, value in typed.items()}
    assert item["Id"] == "approval#removal"
    assert approval(item).covers(4, ["i-1"])


@pytest.mark.parametrize("why", [each for each in OBJECTIONS if each not in BELOW])
def test_no_other_next_step_offers_an_approval(why: Hold) -> None:
    found = removal_waits(row(), why, NOW, TABLE)
    assert found is not None
    assert "approval#" not in found.next_step


def test_the_last_voter_that_holds_its_successors_room_has_a_wording_of_its_own() -> None:
    steps = [removal_waits(row(), why, NOW, TABLE) for why in (NoRoom.LAST_VOTER, Objection.LAST_VOTER)]
    assert all(each is not None and "room" in each.next_step for each in steps)
    assert len({each.reason for each in steps if each}) == len({each.next_step for each in steps if each}) == 2


def test_a_stranger_that_stands_by_is_told_how_it_comes_back_and_a_detached_one_is_not() -> None:
    why = Objection.NO_QUORUM
    assert (
        "exit-standby --auto-scaling-group-name slot0 --instance-ids i-1"
        in stranger(row(), why, "slot0", NOW, "").next_step
    )
    assert "exit-standby" not in stranger(row(), why, "", NOW, "").next_step


# as a pass stores and clears them


def look(states: object, *stored: Condition) -> Snapshot:
    """A cluster whose voter `i-1` is in no group; no agent tells of etcd."""
    found = snapshot(
        rows=rows(members={"i-1": member("i-1", "voter")}, conditions={each.name: each for each in stored}),
        groups=Known(Groups((GroupInstance("i-2", "slot1", "control-plane", "InService", "1"),), SLOTS)),
    )
    return replace(found, states=states)  # type: ignore[arg-type]


@pytest.mark.parametrize(("state", "name"), [("running", "StrangerMember/i-1"), ("terminated", "RemovalWaits/i-1")])
def test_a_pass_stores_the_condition_and_clears_it_once_the_member_is_none(state: str, name: str) -> None:
    (stored,) = [each.condition for each in decide(look(Known({"i-1": state}))) if isinstance(each, SetCondition)]
    assert stored.name == name
    assert "no agent has seen etcd's members" in stored.reason
    gone = rows(members={"i-1": member("i-1", "removed")}, conditions={name: stored})
    cleared = decide(replace(look(Known({}), stored), rows=gone))
    assert [each.condition for each in cleared if isinstance(each, ClearCondition)] == [stored]


@pytest.mark.parametrize("states", [BROKEN, Unknown("EC2 is slow"), Known({})])
def test_while_ec2_does_not_say_where_it_is_its_condition_stays(states: object) -> None:
    stored = stranger(row(epoch=1), Objection.NO_QUORUM, "", NOW, TABLE)
    assert not [each for each in decide(look(states, stored)) if isinstance(each, ClearCondition)]


def test_while_the_record_is_unknown_no_condition_is_cleared() -> None:
    stored = stranger(row(epoch=1), Objection.NO_QUORUM, "", NOW, TABLE)
    unknown = rows(BROKEN, {"i-1": member("i-1", "voter")}, {stored.name: stored})
    assert not [each for each in decide(replace(look(Known({})), rows=unknown)) if isinstance(each, ClearCondition)]
