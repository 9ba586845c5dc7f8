"""A learner that has never started has no name yet, and its row may not say by which id etcd knows it."""

from __future__ import annotations

import pytest

from coordination.members import Member, MemberState
from coordination.operations import OperationKind
from coordination.outcomes import Known
from coordination.quorum import Membership
from functions.reconcile.believed import Believed
from functions.reconcile.places import Place
from functions.reconcile.removals import Facts, Wanted, plan

NOW = 1_800_000_000
CLEANED = Wanted(OperationKind.CLEAN_LEARNER, "", "a4")


@pytest.mark.parametrize(
    ("joining", "place", "request_"),
    [
        (Member("i-4", 1, MemberState.JOINING), Place.LAUNCHES, None),
        (Member("i-4", 1, MemberState.JOINING), Place.UNKNOWN, None),
        (Member("i-4", 1, MemberState.JOINING), Place.GONE, CLEANED),
        (Member("i-4", 1, MemberState.JOINING, etcd_member_id="a5"), Place.LAUNCHES, CLEANED),
        (Member("i-4", 1, MemberState.REMOVED), Place.LAUNCHES, CLEANED),
    ],
    ids=["its joiner works", "nobody knows where its joiner is", "its joiner is gone", "another's", "removed"],
)
def test_a_learner_of_nobody_is_cleaned_unless_it_may_be_a_joiners(
    joining: Member, place: Place, request_: Wanted | None
) -> None:
    members = Membership(frozenset({"i-1", "i-2", "i-3"}), frozenset(), frozenset({"a4"}))
    believed = Known(Believed(members, {"a4": "a4"}, learner_answers=False))
    facts = Facts({"i-4": joining}, {"i-4": place}, (), believed, slots=3, in_flight=False, now=NOW)
    assert plan(facts).request == request_
