"""The arithmetic of removals, against every cluster of up to seven members that is counted out by hand."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import pytest

from coordination.quorum import (
    Membership,
    Objection,
    majority,
    objection_to_cleaning,
    objection_to_ending,
    objection_to_removal,
)

ANSWERS, SILENT, UNSTARTED, LEARNER = "answers", "silent", "unstarted", "learner"
KINDS = (ANSWERS, SILENT, UNSTARTED, LEARNER)


class Cluster(NamedTuple):
    """One kind for each member, which is named by its place."""

    kinds: tuple[str, ...]

    @property
    def membership(self) -> Membership:
        def names(*kinds: str) -> frozenset[str]:
            return frozenset(str(place) for place, kind in enumerate(self.kinds) if kind in kinds)

        return Membership(names(ANSWERS), names(SILENT, UNSTARTED), names(LEARNER))

    def without(self, place: int) -> Cluster:
        return Cluster(self.kinds[:place] + self.kinds[place + 1 :])

    @property
    def elects(self) -> bool:
        """Whether some set of voters that answer outvotes all the others, found by trying every set."""
        voters = [place for place, kind in enumerate(self.kinds) if kind != LEARNER]
        answering = [place for place in voters if self.kinds[place] == ANSWERS]
        sets = (each for size in range(len(answering) + 1) for each in combinations(answering, size))
        return any(len(each) > len(voters) - len(each) for each in sets)


EVERY_CLUSTER = [Cluster(kinds) for count in range(1, 8) for kinds in combinations_with_replacement(KINDS, count)]


def test_there_are_as_many_clusters_as_there_should_be() -> None:
    assert Counter(len(each.kinds) for each in EVERY_CLUSTER) == {1: 4, 2: 10, 3: 20, 4: 35, 5: 56, 6: 84, 7: 120}


@pytest.mark.parametrize(("count", "more_than_half"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_a_majority_is_more_than_half(count: int, more_than_half: int) -> None:
    assert majority(count) == more_than_half


def test_a_cluster_has_quorum_where_some_voters_outvote_the_others() -> None:
    for cluster in EVERY_CLUSTER:
        assert cluster.membership.has_quorum == cluster.elects, cluster


@pytest.mark.parametrize("slots", [3, 5])
def test_a_voter_is_removed_only_where_both_clusters_elect_and_a_majority_of_the_slots_answers(slots: int) -> None:
    for cluster in EVERY_CLUSTER:
        for place, kind in enumerate(cluster.kinds):
            if kind == LEARNER:
                continue
            left = cluster.without(place)
            allowed = cluster.elects and LEARNER not in cluster.kinds and left.elects
            if kind == ANSWERS:
                allowed = allowed and left.kinds.count(ANSWERS) * 2 > slots
            objection = objection_to_removal(cluster.membership, str(place), slots)
            assert (objection is None) == allowed, (cluster, place, objection)


def test_etcd_s_rule_alone_asks_for_no_majority_of_the_slots() -> None:
    for cluster in EVERY_CLUSTER:
        for place, kind in enumerate(cluster.kinds):
            if kind == LEARNER:
                continue
            allowed = cluster.elects and LEARNER not in cluster.kinds and cluster.without(place).elects
            objection = objection_to_removal(cluster.membership, str(place), 5, by_etcd_alone=True)
            assert (objection is None) == allowed, (cluster, place, objection)


def test_removals_one_after_the_other_stop_at_a_majority_of_the_slots() -> None:
    for slots in (3, 5):
        members = Membership(frozenset(str(each) for each in range(slots)), frozenset())
        while members.answering:
            target = min(members.answering)
            if (objection := objection_to_removal(members, target, slots)) is not None:
                break
            members = members.without(target)
        assert len(members.answering) == majority(slots)
        assert objection is Objection.BELOW_MAJORITY_OF_SLOTS


def test_a_silent_voter_s_instance_is_ended_only_where_etcd_elects_with_and_without_it() -> None:
    for cluster in EVERY_CLUSTER:
        for place, kind in enumerate(cluster.kinds):
            if kind in (SILENT, UNSTARTED):
                allowed = cluster.elects and cluster.without(place).elects
                objection = objection_to_ending(cluster.membership, str(place))
                assert (objection is None) == allowed, (cluster, place, objection)


@pytest.mark.parametrize(
    ("kinds", "target", "objection"),
    [
        ((ANSWERS, SILENT, SILENT), "0", Objection.NO_QUORUM),
        ((ANSWERS, ANSWERS, ANSWERS, LEARNER), "0", Objection.UNFINISHED),
        ((ANSWERS,), "0", Objection.LAST_VOTER),
        ((ANSWERS, ANSWERS, SILENT), "0", Objection.QUORUM_WOULD_END),
        ((ANSWERS, ANSWERS), "0", Objection.BELOW_MAJORITY_OF_SLOTS),
        ((ANSWERS, ANSWERS, SILENT), "2", None),
        ((ANSWERS, ANSWERS, ANSWERS), "0", None),
    ],
)
def test_an_objection_names_what_is_in_the_way(
    kinds: tuple[str, ...], target: str, objection: Objection | None
) -> None:
    assert objection_to_removal(Cluster(kinds).membership, target, 3) is objection


@pytest.mark.parametrize(
    ("kinds", "answers", "leaves", "objection"),
    [
        ((LEARNER, ANSWERS, ANSWERS), False, False, None),
        ((LEARNER, ANSWERS, ANSWERS), True, True, None),
        ((LEARNER, ANSWERS, ANSWERS), True, False, Objection.LEARNER_ANSWERS),
        ((LEARNER, ANSWERS, SILENT), False, False, Objection.NO_QUORUM),
        ((ANSWERS, ANSWERS, ANSWERS), False, True, Objection.IS_VOTER),
    ],
)
def test_a_learner_is_removed_only_where_it_is_of_no_use(
    kinds: tuple[str, ...], answers: bool, leaves: bool, objection: Objection | None
) -> None:
    members = Cluster(kinds).membership
    assert objection_to_cleaning(members, "0", answers=answers, leaves=leaves) is objection
