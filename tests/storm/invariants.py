"""What must hold in every storm, each as one pure function of the trace that returns what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.storm.trace import (
    FaultsEnded,
    HookCompleted,
    Judged,
    Life,
    Listed,
    Removal,
    Settled,
    Trace,
    Unsettled,
)

MEMBERS_BEYOND_SLOTS = 1
"""A successor may be there before its predecessor has left."""
_LONGEST_TEXT = 4000


class Invariant(StrEnum):
    """Each as the sentence that is broken."""

    ONE_CLUSTER = "all members are of one etcd cluster"
    QUORUM_STAYS = "no member is removed without a quorum of the voters that stay"
    MAJORITY_OF_SLOTS = "no voter that answers is removed below a majority of the slots"
    MEMBERS = "etcd has at most one member more than there are slots"
    HOOKS = "no hook is completed before its instance is out of etcd"
    SETTLED = "everything settles once faults stop"
    LINEARIZABLE = "the clients' history is linearizable"


@dataclass(frozen=True)
class Violation:
    """An invariant was broken, at a moment; `removal` is by which removal, where it was one."""

    invariant: Invariant
    at: float
    text: str
    removal: Removal | None = None


def one_cluster(trace: Trace) -> Iterator[Violation]:
    """Every look at etcd's list finds the same etcd cluster."""
    first = trace.lists[0].etcd_cluster_id if trace.lists else ""
    for each in trace.lists:
        if each.etcd_cluster_id != first:
            text = f"etcd cluster {each.etcd_cluster_id} answers, and before it was {first}"
            yield Violation(Invariant.ONE_CLUSTER, each.at, text)
            return


def quorum_stays(trace: Trace) -> Iterator[Violation]:
    """Of the voters that stay, a majority is not silent when a voter is removed."""
    for removal in trace.of(Removal):
        staying = voters_that_stay(trace, removal)
        if staying is None:
            continue
        able = not_silent(trace, staying, removal.at)
        if len(able) < len(staying) // 2 + 1:
            text = (
                f"{removal.by} removes {removal.instance or removal.member_id}; of {_named(staying)}, "
                f"which stay, {_named(able)} can answer"
            )
            yield Violation(Invariant.QUORUM_STAYS, removal.at, text, removal)


def majority_of_slots(trace: Trace) -> Iterator[Violation]:
    """As many voters as a majority of the slots are not silent when a voter that answers is removed."""
    for removal in trace.of(Removal):
        staying = voters_that_stay(trace, removal)
        if staying is None or removal.by_etcd_alone:
            continue
        able = not_silent(trace, staying, removal.at)
        if trace.life(removal.instance, removal.at) is Life.ANSWERS and len(able) < trace.slots // 2 + 1:
            text = (
                f"{removal.by} removes {removal.instance}, which answers; of {trace.slots} slots {_named(able)} can "
                "answer then"
            )
            yield Violation(Invariant.MAJORITY_OF_SLOTS, removal.at, text, removal)


def members(trace: Trace) -> Iterator[Violation]:
    """No look finds more members than slots and one; of looks that find the same, the first is told."""
    before: object = None
    for each in trace.lists:
        names = sorted(member.instance or member.member_id for member in each.members)
        if len(names) > trace.slots + MEMBERS_BEYOND_SLOTS and names != before:
            yield Violation(
                Invariant.MEMBERS, each.at, f"{len(names)} members for {trace.slots} slots: {_named(names)}"
            )
        before = names


def hooks(trace: Trace) -> Iterator[Violation]:
    """No look that began after the completion of an instance's hook lists it."""
    for completed in trace.of(HookCompleted):
        name = completed.instance
        late = next((each for each in trace.lists if each.began > completed.at and lists(each, name)), None)
        if late is not None:
            text = f"the hook of {name} was completed, and {late.at - completed.at:.2f} s later etcd lists it"
            yield Violation(Invariant.HOOKS, completed.at, text)


def settled(trace: Trace) -> Iterator[Violation]:
    """After the end of the faults everything came to rest."""
    for each in trace.of(Unsettled):
        yield Violation(Invariant.SETTLED, each.at, "; ".join(each.left))
    if not trace.of(Settled) and not trace.of(Unsettled):
        at = trace.events[-1].at if trace.events else 0.0
        asked = "nobody looked whether it did" if trace.of(FaultsEnded) else "the faults did not end"
        yield Violation(Invariant.SETTLED, at, asked)


def linearizable(trace: Trace) -> Iterator[Violation]:
    """The checker found an order of the calls."""
    for each in trace.of(Judged):
        if each.text:
            yield Violation(Invariant.LINEARIZABLE, each.at, each.text[:_LONGEST_TEXT])


CHECKS: Mapping[Invariant, Callable[[Trace], Iterator[Violation]]] = {
    Invariant.ONE_CLUSTER: one_cluster,
    Invariant.QUORUM_STAYS: quorum_stays,
    Invariant.MAJORITY_OF_SLOTS: majority_of_slots,
    Invariant.MEMBERS: members,
    Invariant.HOOKS: hooks,
    Invariant.SETTLED: settled,
    Invariant.LINEARIZABLE: linearizable,
}


def violations(trace: Trace) -> list[Violation]:
    """Everything that breaks an invariant, by time."""
    return sorted((each for check in CHECKS.values() for each in check(trace)), key=lambda each: each.at)


def voters_that_stay(trace: Trace, removal: Removal) -> list[str] | None:
    """The names of the voters that the removal leaves; None where etcd did not list the target as a voter."""
    listed = trace.listed_before(removal.at)
    if listed is None:
        return None
    gone = {each.member_id for each in trace.of(Removal) if _took_effect(trace, each, listed.began, removal.at)}
    voters = [each for each in listed.members if not each.is_learner and each.member_id not in gone]
    if removal.member_id not in {each.member_id for each in voters}:
        return None
    return [each.instance for each in voters if each.member_id != removal.member_id]


def _took_effect(trace: Trace, removal: Removal, since: float, until: float) -> bool:
    """Whether another removal was called between two moments, and the next look does not list its member any more."""
    if not since <= removal.at < until:
        return False
    later = next((each for each in trace.lists if each.began > removal.at), None)
    return later is not None and all(each.member_id != removal.member_id for each in later.members)


def not_silent(trace: Trace, instances: list[str], moment: float) -> list[str]:
    """Those of the instances whose etcd is not certainly silent at a moment."""
    return [each for each in instances if trace.life(each, moment) is not Life.SILENT]


def lists(listed: Listed, instance: str) -> bool:
    """Whether etcd lists a member of this instance."""
    return any(each.instance == instance for each in listed.members)


def _named(names: list[str]) -> str:
    return ", ".join(each or "a member that never started" for each in names) or "none"
