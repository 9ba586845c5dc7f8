"""What the function believes of etcd's members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from coordination.members import Member, MemberState
from coordination.observed_state import AHEAD_SECONDS, FRESH_SECONDS, ClusterObservation, SeenMember
from coordination.outcomes import Known, Reading, Unknown
from functions.reconcile.believed import Believed, believed
from tests.unit.functions.harness import BROKEN, NOW

VOTER, JOINING, REMOVED = MemberState.VOTER, MemberState.JOINING, MemberState.REMOVED


def seen(*members: SeenMember) -> ClusterObservation:
    return ClusterObservation(NOW - 10, "i-2", 1, members=members)


def voter(number: int, problem: str = "", name: str | None = None, learner: bool = False) -> SeenMember:
    return SeenMember(f"{number}0", f"i-{number}" if name is None else name, learner, problem)


def rows(*given: Member) -> dict[str, Member]:
    return {each.instance_id: each for each in given}


def row(number: int, state: MemberState = VOTER, etcd_id: str | None = None) -> Member:
    return Member(f"i-{number}", 1, state, etcd_member_id=f"{number}0" if etcd_id is None else etcd_id)


def of(observation: ClusterObservation, found: Mapping[str, Member]) -> Believed:
    reading = believed(Known(observation), found, 1, NOW)
    assert isinstance(reading, Known)
    return reading.value


THREE = (voter(1), voter(2), voter(3))
ROWS = rows(row(1), row(2), row(3))


@pytest.mark.parametrize(
    ("observation", "reason"),
    [
        (BROKEN, BROKEN.reason),
        (Known(None), "no agent has seen etcd's members yet"),
        (Known(replace(seen(*THREE), epoch=2)), "no agent has seen etcd's members yet"),
        (Known(replace(seen(), members=None)), "no majority of etcd answered the agent on i-2"),
        (
            Known(replace(seen(*THREE), observed_at=NOW - FRESH_SECONDS - 1)),
            "no agent has seen etcd's members lately",
        ),
        (
            Known(replace(seen(*THREE), observed_at=NOW + AHEAD_SECONDS + 1)),
            "the clock of i-2, whose agent saw etcd's members, is far ahead",
        ),
    ],
)
def test_nothing_is_believed_without_a_fresh_look_at_a_majority(
    observation: Reading[ClusterObservation | None], reason: str
) -> None:
    found = believed(observation, ROWS, 1, NOW)
    assert isinstance(found, Unknown)
    assert found.reason == reason


@pytest.mark.parametrize("seconds", [-AHEAD_SECONDS, 0, FRESH_SECONDS])
def test_clocks_may_differ_a_little(seconds: int) -> None:
    found = believed(Known(replace(seen(*THREE), observed_at=NOW - seconds)), ROWS, 1, NOW)
    assert isinstance(found, Known)


def test_voters_are_told_by_their_names_and_whether_they_serve() -> None:
    found = of(seen(voter(1), voter(2, "silent"), voter(3)), ROWS)
    assert (found.members.answering, found.members.silent, found.members.learners) == (
        frozenset({"i-1", "i-3"}),
        frozenset({"i-2"}),
        frozenset(),
    )
    assert found.etcd_ids == {"i-1": "10", "i-2": "20", "i-3": "30"}


def test_a_member_that_has_not_started_is_told_by_the_id_in_its_row() -> None:
    unstarted = voter(4, "never started", name="", learner=True)
    found = of(seen(*THREE, unstarted), {**ROWS, **rows(row(4, JOINING))})
    assert (found.members.learners, found.etcd_ids["i-4"], found.learner_answers) == (frozenset({"i-4"}), "40", False)


def test_a_member_of_which_no_row_tells_is_told_by_its_id() -> None:
    found = of(seen(*THREE, voter(4, "never started", name="", learner=True)), ROWS)
    assert (found.members.learners, found.etcd_ids["40"]) == (frozenset({"40"}), "40")


def test_a_voter_that_has_never_started_counts_and_does_not_answer() -> None:
    found = of(seen(*THREE, voter(4, "never started", name="")), ROWS)
    assert (found.members.silent, len(found.members.voters)) == (frozenset({"40"}), 4)


def test_whether_a_learner_answers_is_told() -> None:
    assert of(seen(*THREE, voter(4, learner=True)), ROWS).learner_answers


def test_a_learner_whose_row_says_voter_was_promoted_since() -> None:
    found = of(seen(*THREE, voter(4, learner=True)), {**ROWS, **rows(row(4))})
    assert (found.members.learners, "i-4" in found.members.answering) == (frozenset(), True)


def test_a_voter_that_no_look_has_shown_yet_was_promoted_since() -> None:
    found = of(seen(*THREE), {**ROWS, **rows(row(4))})
    assert "i-4" in found.members.answering
    assert "i-4" not in found.etcd_ids


def test_a_member_whose_row_says_removed_was_removed_since() -> None:
    found = of(seen(*THREE), {**ROWS, **rows(row(3, REMOVED))})
    assert found.members.voters == {"i-1", "i-2"}


def test_a_joiner_of_which_etcd_has_not_heard_is_no_member() -> None:
    found = of(seen(*THREE), {**ROWS, **rows(row(4, JOINING))})
    assert found.members.voters == {"i-1", "i-2", "i-3"}
    assert found.members.learners == set()
