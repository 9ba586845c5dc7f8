"""What breaks each invariant, and what does not though it comes near."""

from __future__ import annotations

import pytest

from tests.storm.invariants import CHECKS, Invariant, violations
from tests.storm.trace import HookCompleted, Judged, Life, Lives, Settled, Trace, Unsettled
from tests.storm.traces import CALM, listed, lives, removal, trace

UNSURE = Lives(4.0, "a", Life.UNSURE)

BROKEN: dict[str, tuple[Invariant, Trace]] = {
    "another etcd cluster answers": (Invariant.ONE_CLUSTER, trace(listed(5.0, "abc", cluster="e2"))),
    "of two that stay one is silent": (Invariant.QUORUM_STAYS, trace(lives(4.0, silent="ac"), removal(5.0, "a"))),
    "of five, two that stay can answer": (
        Invariant.QUORUM_STAYS,
        trace(lives(4.0, silent="ace"), removal(5.0, "a"), slots=5),
    ),
    "two are left, and one of them is removed": (
        Invariant.MAJORITY_OF_SLOTS,
        trace(listed(3.0, "ab"), lives(4.0, "ab"), removal(5.0, "a")),
    ),
    "two are removed between two looks": (
        Invariant.MAJORITY_OF_SLOTS,
        trace(removal(5.0, "a"), removal(5.1, "c"), listed(6.0, "b")),
    ),
    "five slots, and two would answer": (
        Invariant.MAJORITY_OF_SLOTS,
        trace(listed(3.0, "abc"), lives(4.0, "abc"), removal(5.0, "a"), slots=5),
    ),
    "two more than slots": (Invariant.MEMBERS, trace(listed(5.0, "abcde"))),
    "two more than slots, one a learner": (Invariant.MEMBERS, trace(listed(5.0, "abcdE"))),
    "a hook is completed before its member is removed": (
        Invariant.HOOKS,
        trace(HookCompleted(4.0, "a"), listed(5.0, "abc")),
    ),
    "an instance joins after its hook was completed": (
        Invariant.HOOKS,
        trace(HookCompleted(4.0, "d"), listed(5.0, "abc"), listed(6.0, "abcD")),
    ),
    "something is left": (Invariant.SETTLED, trace(Unsettled(99.0, ("slot1 is empty",)), calm=False)),
    "nobody looked whether it settled": (Invariant.SETTLED, trace(*CALM[:2], calm=False)),
    "the history has no order": (Invariant.LINEARIZABLE, trace(Judged(95.0, 9, "k"), Settled(99.0), calm=False)),
}
HELD: dict[str, Trace] = {
    "nothing happens": trace(),
    "one of three goes": trace(removal(5.0, "a"), listed(6.0, "bc")),
    "a silent one goes, and two answer": trace(lives(4.0, silent="a"), removal(5.0, "a")),
    "whether one that stays answers is not certain": trace(UNSURE, lives(4.0, silent="c"), removal(5.0, "c")),
    "a silent one goes below the slots' majority": trace(
        listed(3.0, "abcd"), lives(4.0, "bcd", silent="a"), removal(5.0, "a"), slots=5
    ),
    "etcd alone decides": trace(listed(3.0, "ab"), lives(4.0, "ab"), removal(5.0, "a", by_etcd_alone=True)),
    "the first of two calls had no effect": trace(removal(5.0, "a"), removal(5.1, "c"), listed(6.0, "ab")),
    "a learner goes": trace(listed(3.0, "abcD"), removal(5.0, "d", learner=True)),
    "one more than slots": trace(listed(5.0, "abcd")),
    "a member that is not listed": trace(lives(1.0, silent="bc"), removal(5.0, "e")),
    "the hook comes after the removal": trace(listed(3.0, "bc"), HookCompleted(4.0, "a"), listed(5.0, "bc")),
    "a look that began before the hook was completed": trace(
        HookCompleted(4.0, "a"), listed(4.1, "abc", began=3.9), listed(5.0, "bc")
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_invariant_is_broken_and_no_other(name: str) -> None:
    invariant, seen = BROKEN[name]
    assert {each.invariant for each in violations(seen)} == {invariant}


@pytest.mark.parametrize("name", HELD)
def test_nothing_is_broken(name: str) -> None:
    assert violations(HELD[name]) == []


def test_every_invariant_has_its_check_and_an_example() -> None:
    assert set(CHECKS) == set(Invariant) == {invariant for invariant, _ in BROKEN.values()}


def test_too_many_members_are_told_once_for_as_long_as_they_are_the_same() -> None:
    found = violations(trace(listed(5.0, "abcde"), listed(6.0, "abcde"), listed(7.0, "abc"), listed(8.0, "abcde")))
    assert [each.at for each in found] == [5.0, 8.0]
