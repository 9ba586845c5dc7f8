"""The cases that no rule closes: each is recognised by its own trace, named and counted; nothing else is excused.

All but one come from the moment between an agent's last look at etcd and its call, which nothing can make one. That a
node which restarts its static pods is paused is one more case; no certificate is renewed in a storm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.storm.invariants import (
    MEMBERS_BEYOND_SLOTS,
    Invariant,
    Violation,
    lists,
    not_silent,
    violations,
    voters_that_stay,
)
from tests.storm.trace import Life, LostLease, Paused, Removal, Trace


class Case(StrEnum):
    """Each as what happened."""

    PAUSED_JOINER = "a joiner was paused inside of its kubeadm join for longer than its lease"
    WOKEN_TARGET = "a target was silent at the check and woke before the call"
    PROMOTED_LEARNER = "a learner was promoted between the check and the call"
    DEATH_BETWEEN = "a member fell silent between the check and the call"
    PAUSED_AGENT = "an agent was paused between the check and the call"


@dataclass(frozen=True)
class Verdict:
    """What a trace says: what was found, and what was excused."""

    found: tuple[Violation, ...]
    excused: tuple[tuple[Case, Violation], ...]

    @property
    def broken(self) -> frozenset[Invariant]:
        """The invariants that were found broken."""
        return frozenset(each.invariant for each in self.found)


def judge(trace: Trace) -> Verdict:
    """Judge a trace."""
    found: list[Violation] = []
    excused: list[tuple[Case, Violation]] = []
    for each in violations(trace):
        case = excuse(each, trace)
        if case is None and each.invariant is Invariant.SETTLED and (lost := _quorum_lost(trace, excused)) is not None:
            case = lost
        if case is None:
            found.append(each)
        else:
            excused.append((case, each))
    return Verdict(tuple(found), tuple(excused))


def excuse(violation: Violation, trace: Trace) -> Case | None:
    """Which of the cases a violation is."""
    if violation.invariant is Invariant.MEMBERS:
        return _paused_joiner(violation, trace)
    removal = violation.removal
    if removal is None:
        return None
    if removal.learner:
        return Case.PROMOTED_LEARNER if _was_learner(removal, trace) else None
    if (
        violation.invariant is Invariant.MAJORITY_OF_SLOTS
        and trace.life(removal.instance, removal.checked) is Life.SILENT
    ):
        return Case.WOKEN_TARGET
    return _between(violation.invariant, removal, trace)


def _paused_joiner(violation: Violation, trace: Trace) -> Case | None:
    """One member more than ever, and one of them joined by a `kubeadm join` whose lease was lost."""
    listed = trace.listed_before(violation.at)
    if listed is None or len(listed.members) > trace.slots + MEMBERS_BEYOND_SLOTS + 1:
        return None
    late = any(each.at <= violation.at and lists(listed, each.instance) for each in trace.of(LostLease))
    return Case.PAUSED_JOINER if late else None


def _was_learner(removal: Removal, trace: Trace) -> bool:
    listed = trace.listed_before(removal.checked)
    return listed is not None and any(
        each.member_id == removal.member_id and each.is_learner for each in listed.members
    )


def _between(invariant: Invariant, removal: Removal, trace: Trace) -> Case | None:
    """Enough members were not silent when the agent looked; what became of them since, and whether it was paused."""
    staying = voters_that_stay(trace, removal) or []
    wanted = trace.slots // 2 + 1 if invariant is Invariant.MAJORITY_OF_SLOTS else len(staying) // 2 + 1
    if len(not_silent(trace, staying, removal.checked)) < wanted:
        return None
    paused = any(
        each.what == "agent" and each.instance == removal.by and each.at <= removal.at and each.until >= removal.checked
        for each in trace.of(Paused)
    )
    return Case.PAUSED_AGENT if paused else Case.DEATH_BETWEEN


def _quorum_lost(trace: Trace, excused: list[tuple[Case, Violation]]) -> Case | None:
    """The excused case that has taken etcd's quorum, so that nothing can settle: most voters are silent to the end."""
    by_removal = [case for case, each in excused if each.invariant is Invariant.QUORUM_STAYS]
    if not by_removal or not trace.lists:
        return None
    last, end = trace.lists[-1], trace.events[-1].at
    voters = [each.instance for each in last.members if not each.is_learner]
    return by_removal[-1] if len(not_silent(trace, voters, end)) < len(voters) // 2 + 1 else None
