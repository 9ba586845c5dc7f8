"""Where etcd's quorum alone decides about a removal: by a person's approval, and in the last hour of a hook."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.approvals import Approval, approval
from coordination.members import Member, MemberState
from coordination.outcomes import Conflict, Known, Reading
from coordination.quorum import Objection
from functions.reconcile.actions import ClearApproval, RequestOperation
from functions.reconcile.apply import apply
from functions.reconcile.etcd_alone import HOOK_SECONDS, LAST_SECONDS, is_void
from functions.reconcile.membership import decide
from functions.reconcile.places import Place
from functions.reconcile.removals import NoRoom, Pending, Plan, Wanted, plan
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import BROKEN, SETTINGS, function_harness, member
from tests.unit.functions.test_membership import look, row
from tests.unit.functions.test_removals import Cluster, clusters, hook, leaving, remove

LAST = HOOK_SECONDS - LAST_SECONDS
APPROVED = Approval(1, "i-1", "somebody")


def of(cluster: Cluster, approved: Approval | None = None, no_room: Collection[str] = ()) -> Plan:
    return plan(replace(cluster.facts(), approved=approved, no_room=no_room))


def by_etcd_alone(number: int) -> Wanted:
    return replace(remove(number), by_etcd_alone=True)


def two(held_seconds: int = 9000, place: Place = Place.LEAVES, **fields: object) -> Cluster:
    """Of three slots two voters answer, and `i-1` leaves: etcd would allow it, and the slots' majority does not."""
    return Cluster({1, 2}, places=leaving(1, place=place), rows={1: hook(held_seconds) | fields})


# a person's approval


@pytest.mark.parametrize(
    ("rule", "cluster", "approved", "wanted"),
    [
        ("one that names the instance lets etcd's quorum alone decide", two(), APPROVED, by_etcd_alone(1)),
        ("also of one that is retained", two(place=Place.RETAINED), APPROVED, by_etcd_alone(1)),
        ("also of one in service of no slot", two(place=Place.STRANGER), APPROVED, by_etcd_alone(1)),
        ("one that names another instance does nothing", two(), Approval(1, "i-2", "somebody"), None),
        ("one of another epoch does nothing", two(), Approval(2, "i-1", "somebody"), None),
        ("one that names several does nothing", two(), Approval(1, "i-1,i-2", "somebody"), None),
        ("one of an instance in service does nothing", Cluster({1, 2}), APPROVED, None),
        ("the last voter stays all the same", Cluster({1}, places=leaving(1)), APPROVED, None),
        ("etcd's own quorum is kept all the same", Cluster({1, 2}, {3}, places=leaving(1)), APPROVED, None),
        (
            "a successor that can join now is waited for all the same",
            Cluster({1, 2}, places=leaving(1), boots={4}, rows={1: hook(60)}),
            APPROVED,
            None,
        ),
        ("without one a majority of the slots decides", two(), None, None),
    ],
)
def test_an_approval(rule: str, cluster: Cluster, approved: Approval | None, wanted: Wanted | None) -> None:
    assert of(cluster, approved).request == wanted, rule


@given(clusters(), st.sampled_from([1, 2, 3]))
def test_no_approval_asks_for_what_etcd_s_own_quorum_forbids(cluster: Cluster, number: int) -> None:
    wanted = of(cluster, Approval(1, f"i-{number}", "somebody")).request
    if wanted is None or not wanted.by_etcd_alone:
        return
    assert wanted.instance_id == f"i-{number}"
    voters, answering = (cluster.answering | cluster.silent) - {number}, cluster.answering - {number}
    assert number not in cluster.answering | cluster.silent or 2 * len(answering) > len(voters)


@pytest.mark.parametrize(
    ("rule", "given", "void"),
    [
        ("while its instance is a voter it holds", APPROVED, False),
        ("while its instance joins it holds", Approval(1, "i-3", "x"), False),
        ("while its instance's row cannot be understood it holds", Approval(1, "i-9", "x"), False),
        ("once its instance is removed it is void", Approval(1, "i-4", "x"), True),
        ("an instance that never was a member makes it void", Approval(1, "i-5", "x"), True),
        ("a member of an earlier epoch makes it void", Approval(1, "i-0", "x"), True),
        ("another epoch makes it void", Approval(2, "i-1", "x"), True),
        ("naming several makes it void", Approval(1, "i-1,i-3", "x"), True),
        ("naming none makes it void", Approval(1, ",", "x"), True),
    ],
)
def test_when_an_approval_is_void(rule: str, given: Approval, void: bool) -> None:
    rows: dict[str, Reading[Member]] = {
        "i-0": member("i-0", "voter", 0),
        "i-1": member("i-1", "voter"),
        "i-3": member("i-3", "joining"),
        "i-4": member("i-4", "removed"),
        "i-9": BROKEN,
    }
    assert is_void(given, rows, 1) is void, rule


def test_a_void_approval_is_cleared_and_one_that_holds_or_cannot_be_understood_stays() -> None:
    def cleared(*members: Member, **changes: object) -> list[Approval]:
        return [
            each.approved for each in decide(look(None, *members, **changes)).actions if isinstance(each, ClearApproval)
        ]

    assert cleared(removal_approval=Known(APPROVED)) == []
    assert cleared(row(1, state=MemberState.REMOVED), removal_approval=Known(APPROVED)) == [APPROVED]
    assert cleared(removal_approval=Known(None)) == []
    assert cleared(removal_approval=BROKEN) == []


def test_an_approval_reaches_the_operation_that_the_agents_read() -> None:
    (asked,) = [
        each for each in decide(look(removal_approval=Known(APPROVED))).actions if isinstance(each, RequestOperation)
    ]
    assert asked.operation.by_etcd_alone
    (without,) = [each for each in decide(look()).actions if isinstance(each, RequestOperation)]
    assert not without.operation.by_etcd_alone


def test_a_void_approval_is_deleted_by_a_pass_and_only_as_it_was_read() -> None:
    with function_harness() as here:
        typed = {"Epoch": 1, "InstanceIds": "i-9 ", "Who": "somebody"}
        here.store(approval__removal=typed)
        read = approval({"Id": "approval#removal", **typed})
        here.store(approval__removal={**typed, "InstanceIds": "i-1"})
        (kept,) = apply([ClearApproval(read, "it is void")], here.ports(), SETTINGS)
        assert isinstance(kept.outcome, Conflict)
        here.store(approval__removal=typed)
        here.call(SCHEDULE)
        assert here.item("approval#removal") is None


# the last hour of a hook


@pytest.mark.parametrize(
    ("rule", "cluster", "no_room", "wanted"),
    [
        ("a voter that holds its successor's room leaves in its hook's last hour", two(LAST), {"1"}, by_etcd_alone(1)),
        ("and not before", two(LAST - 1), {"1"}, None),
        ("and not where its slot has room", two(LAST), {"2"}, None),
        ("and not once it is retained, for it has no deadline then", two(LAST, Place.RETAINED), {"1"}, None),
        ("and not in service of no slot", two(LAST, Place.STRANGER), {"1"}, None),
        ("and not where nobody has noted its hook", two(hook_since=None), {"1"}, None),
        ("and never as the last voter", Cluster({1}, places=leaving(1), rows={1: hook(LAST)}), {"1"}, None),
        (
            "and never where etcd's quorum would end",
            Cluster({1, 2}, {3}, places=leaving(1), rows={1: hook(LAST)}),
            {"1"},
            None,
        ),
    ],
)
def test_the_last_hour(rule: str, cluster: Cluster, no_room: Collection[str], wanted: Wanted | None) -> None:
    assert of(cluster, no_room=no_room).request == wanted, rule


@pytest.mark.parametrize(
    ("rule", "cluster", "no_room", "hold"),
    [
        ("below a majority of the slots", two(), {"1"}, NoRoom.BELOW_MAJORITY_OF_SLOTS),
        ("as the last voter", Cluster({1}, places=leaving(1)), {"1"}, NoRoom.LAST_VOTER),
        ("where its slot has room as before", two(), {"0", "2"}, Objection.BELOW_MAJORITY_OF_SLOTS),
        ("asked for in the last hour", two(LAST), {"1"}, Pending.IN_FLIGHT),
        (
            "whose removal would end the quorum as before",
            Cluster({1, 2}, {3}, places=leaving(1)),
            {"1"},
            Objection.QUORUM_WOULD_END,
        ),
    ],
)
def test_what_a_voter_waits_for_that_holds_its_successors_room(
    rule: str, cluster: Cluster, no_room: Collection[str], hold: object
) -> None:
    assert of(cluster, no_room=no_room).holds["i-1"] is hold, rule
