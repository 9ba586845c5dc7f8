"""A learner that has never started has no name yet, and its row may not say by which id etcd knows it."""

from __future__ import annotations

import pytest

from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import OperationKind
from coordination.outcomes import Known
from coordination.quorum import Membership
from functions.reconcile.believed import Believed
from functions.reconcile.believed import believed as believed_of
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


@pytest.mark.parametrize(
    ("answers", "place", "is_cleaned"),
    [(False, Place.UNKNOWN, True), (True, Place.LEAVES, True), (True, Place.UNKNOWN, False)],
    ids=["gone, or on its way", "it terminates", "it answers, and its instance stays"],
)
def test_a_learner_that_was_added_after_its_row_was_ended_is_cleaned(
    answers: bool, place: Place, is_cleaned: bool
) -> None:
    removed = Member("i-4", 1, MemberState.REMOVED, etcd_member_id="a4")
    seen = [SeenMember(f"a{each}", f"i-{each}", learner=False, problem="") for each in (1, 2, 3)]
    learner = SeenMember("a4", "i-4", learner=True, problem="" if answers else "it does not answer")
    observation = ClusterObservation(NOW, "i-1", 1, members=(*seen, learner))
    rows = {"i-4": removed}
    believed = believed_of(Known(observation), rows, 1, NOW)
    facts = Facts(rows, {"i-4": place}, (), believed, slots=3, in_flight=False, now=NOW)
    wanted = Wanted(OperationKind.CLEAN_LEARNER, "i-4", "a4")
    assert plan(facts).request == (wanted if is_cleaned else None)
