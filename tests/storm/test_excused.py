"""Which trace is excused as which case, and that nothing near it is."""

from __future__ import annotations

import pytest

from tests.storm.excused import Case, judge
from tests.storm.invariants import Invariant
from tests.storm.trace import LostLease, Paused, Trace, Unsettled
from tests.storm.traces import listed, lives, removal, trace

TWO = listed(3.0, "ab")
EXCUSED: dict[str, tuple[Case, Trace]] = {
    "a joiner whose lease was lost is the second one more": (
        Case.PAUSED_JOINER,
        trace(LostLease(4.0, "e"), listed(5.0, "abcde")),
    ),
    "a target wakes between the check and the call": (
        Case.WOKEN_TARGET,
        trace(TWO, lives(4.0, "b", silent="a"), lives(4.95, "a"), removal(5.0, "a")),
    ),
    "a learner is promoted between the check and the call": (
        Case.PROMOTED_LEARNER,
        trace(
            listed(3.0, "abcD"), listed(4.95, "abcd"), lives(4.95, "d", silent="ac"), removal(5.0, "d", learner=True)
        ),
    ),
    "of five, one dies between the check and the call": (
        Case.DEATH_BETWEEN,
        trace(listed(3.0, "abcd"), lives(4.95, silent="d"), removal(5.0, "a"), slots=5),
    ),
    "an agent is paused between the check and the call": (
        Case.PAUSED_AGENT,
        trace(Paused(4.0, "b", 4.9, "agent", "check"), lives(4.5, silent="c"), removal(5.0, "a", checked=3.9)),
    ),
}
FOUND: dict[str, tuple[Invariant, Trace]] = {
    "no joiner lost its lease": (Invariant.MEMBERS, trace(listed(5.0, "abcde"))),
    "the joiner that lost its lease is none of them": (
        Invariant.MEMBERS,
        trace(LostLease(4.0, "f"), listed(5.0, "abcde")),
    ),
    "three more than slots": (Invariant.MEMBERS, trace(LostLease(4.0, "f"), listed(5.0, "abcdef"))),
    "the lease is lost after the member was there": (
        Invariant.MEMBERS,
        trace(listed(5.0, "abcde"), LostLease(6.0, "e")),
    ),
    "the target answered at the check": (Invariant.MAJORITY_OF_SLOTS, trace(TWO, lives(4.0, "ab"), removal(5.0, "a"))),
    "the member was a voter at the check": (
        Invariant.MAJORITY_OF_SLOTS,
        trace(listed(3.0, "ab"), lives(4.0, "ab"), removal(5.0, "a", learner=True)),
    ),
    "the member was silent at the check": (
        Invariant.QUORUM_STAYS,
        trace(lives(4.0, silent="ac"), removal(5.0, "a")),
    ),
    "another agent was paused, and too few answered at the check": (
        Invariant.QUORUM_STAYS,
        trace(Paused(4.0, "c", 4.9, "agent", "check"), lives(3.0, silent="ac"), removal(5.0, "a", checked=3.9)),
    ),
}


@pytest.mark.parametrize("name", EXCUSED)
def test_a_case_is_recognised_by_its_trace(name: str) -> None:
    case, seen = EXCUSED[name]
    verdict = judge(seen)
    assert verdict.found == ()
    assert {found for found, _ in verdict.excused} == {case}


@pytest.mark.parametrize("name", FOUND)
def test_what_only_looks_like_a_case_is_found(name: str) -> None:
    invariant, seen = FOUND[name]
    verdict = judge(seen)
    assert invariant in verdict.broken
    assert verdict.excused == ()


def test_every_case_has_an_example() -> None:
    assert {case for case, _ in EXCUSED.values()} == set(Case)


def test_what_cannot_settle_since_an_excused_removal_took_the_quorum_is_excused_with_it() -> None:
    fell, went = lives(4.95, silent="c"), removal(5.0, "a")
    verdict = judge(trace(fell, went, listed(6.0, "bc"), Unsettled(99.0, ("no quorum",)), calm=False))
    assert verdict.found == ()
    assert [case for case, _ in verdict.excused] == 3 * [Case.DEATH_BETWEEN]


def test_where_the_quorum_came_back_what_does_not_settle_is_found() -> None:
    fell, went, back = lives(4.95, silent="c"), removal(5.0, "a"), lives(7.0, "c")
    left = Unsettled(99.0, ("slot0 is empty",))
    verdict = judge(trace(fell, went, listed(6.0, "bc"), back, left, calm=False))
    assert verdict.broken == {Invariant.SETTLED}
