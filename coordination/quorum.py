"""Quorum arithmetic: whether a member may leave etcd. Pure; the function plans by it, and the agent vetoes by it.

Two majorities are told apart. etcd's own counts the voters that are listed. The majority of the slots counts the slots
that the cluster was made with, so that removals of our own never walk down from three voters to one, each step of
which etcd alone would allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Objection(Enum):
    """Why a member must not leave now, as a sentence that ends a reason."""

    NO_QUORUM = "no majority of etcd's voters answers"
    UNFINISHED = "a member has not finished joining"
    LAST_VOTER = "it is the last voter"
    QUORUM_WOULD_END = "the voters that stay would have no majority that answers"
    BELOW_MAJORITY_OF_SLOTS = "fewer voters would answer than a majority of the slots"
    IS_VOTER = "it has become a voter"
    LEARNER_ANSWERS = "it answers, and its instance stays"


@dataclass(frozen=True)
class Membership:
    """etcd's members at one moment, by any names that tell them apart."""

    answering: frozenset[str]
    """Voters that serve."""
    silent: frozenset[str]
    """Voters that do not, and those that were added as voters and have never started."""
    learners: frozenset[str] = frozenset()
    """Members that count for no quorum yet, started or not."""

    @property
    def voters(self) -> frozenset[str]:
        """All that count for etcd's quorum."""
        return self.answering | self.silent

    @property
    def has_quorum(self) -> bool:
        """Whether the voters that serve are a majority, so that etcd takes writes."""
        return len(self.answering) >= majority(len(self.voters))

    def without(self, member: str) -> Membership:
        """What is left once a member is removed."""
        gone = {member}
        return replace(self, answering=self.answering - gone, silent=self.silent - gone, learners=self.learners - gone)


def majority(count: int) -> int:
    """How many of `count` are more than half."""
    return count // 2 + 1


def objection_to_removal(
    members: Membership, target: str, slots: int, *, by_etcd_alone: bool = False
) -> Objection | None:
    """Why the voter `target` must not be removed; None where it may be.

    A voter that is terminating counts as staying: until it is removed it serves. With `by_etcd_alone` the majority of
    the slots is not asked for. A voter that is silent is held by etcd's quorum alone: without it as many answer.
    """
    if not members.has_quorum:
        return Objection.NO_QUORUM
    if members.learners:
        return Objection.UNFINISHED
    left = members.without(target)
    if not left.voters:
        return Objection.LAST_VOTER
    if not left.has_quorum:
        return Objection.QUORUM_WOULD_END
    healthy = target in members.answering
    if healthy and not by_etcd_alone and len(left.answering) < majority(slots):
        return Objection.BELOW_MAJORITY_OF_SLOTS
    return None


def objection_to_cleaning(members: Membership, target: str, *, answers: bool, leaves: bool) -> Objection | None:
    """Why the learner `target` must not be removed. It `answers` when it is asked; its instance `leaves` or is gone."""
    if target in members.voters:
        return Objection.IS_VOTER
    if not members.has_quorum:
        return Objection.NO_QUORUM
    if answers and not leaves:
        return Objection.LEARNER_ANSWERS
    return None


def objection_to_ending(members: Membership, target: str) -> Objection | None:
    """Why the instance of the silent voter `target` must not be terminated: etcd has to do without it, now and then."""
    if not members.has_quorum:
        return Objection.NO_QUORUM
    left = members.without(target)
    if not left.voters:
        return Objection.LAST_VOTER
    return None if left.has_quorum else Objection.QUORUM_WOULD_END
