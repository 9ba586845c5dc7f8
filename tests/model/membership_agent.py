"""What agents do in the membership model: they carry out operations, correct rows, and may be paused before a call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tests.model import membership_facts as facts
from tests.model.explorer import Step
from tests.model.membership_facts import Times
from tests.model.membership_function import QUORUM
from tests.model.membership_ports import Effect, Removes, Written, effect, refuses
from tests.model.membership_state import (
    BOOTS,
    JOINING,
    KNOWN,
    LEARNER,
    MEMBER,
    REMOVED,
    UNLISTED,
    UNSTARTED,
    VOTER,
    Node,
    Position,
    State,
    told,
)
from userdata.agent.observe.members import by_etcd, listed_again

MAJORITY_OF_SLOTS = "a healthy voter is removed only where the voters that stay are a majority of the slots"
ONE_BY_ONE = "no voter is removed while a member has not finished joining"
JOINERS_GO_ON = "the learner of a joiner that works is not cleaned away"

_SERVED, _SILENT = "it serves", "it is silent"
_ALONE = "it serves, and etcd's quorum decides alone"
_STALE = "it serves, and something has failed since"


class Agents:
    """The agents on all voters. What a run does is remembered by what it hangs on, for one model alone."""

    def __init__(self) -> None:
        self._effect = cache(effect)
        self._corrections = cache(lambda state: tuple(_corrections(state)))

    def steps(self, state: State) -> Iterator[Step[State]]:
        """What agents may do now."""
        for at, node in state.nodes():
            if node.call:
                yield from _paused(state, at, node)
        if not state.has_quorum:
            return
        told_of = told(state)
        for at, row in self._corrections(told_of._replace(operation=None)):
            yield Step(f"an agent sets the row of {facts.name(at)} to {row}", state.where(at, row=row))
        if state.operation is None or state.operation.outcome:
            return
        held = any(node.leased and node.alive for _, node in state.nodes())
        times = (Times(), Times(silence=False)) if _has_silent_learner(state) else (Times(),)
        for first in {self._effect(told_of, each, held) for each in times}:
            yield from _carried_out(state, first)


def _carried_out(state: State, first: Effect) -> Iterator[Step[State]]:
    match first:
        case Written(operation=stored, row=row, under_lease=under_lease):
            at = next(at for at, node in state.nodes() if node.target)
            after = state.where(at, row=row)._replace(operation=stored)
            if under_lease:
                # From one that does not work any more.
                after = after.every(leased=False)
            label = stored.outcome or ("accepted" if stored.accepted else "requested")
            yield Step(f"an agent writes that the operation of {facts.name(at)} is {label}", after)
        case Removes(at=at):
            node = state.at(at)
            beside = [ONE_BY_ONE] if node.etcd == VOTER and state.voters < state.members else []
            alone = state.operation is not None and state.operation.alone
            for step in removal(state, at, "an agent removes", exact=True, alone=alone):
                yield step._replace(after=step.after.with_harm(*beside))
            if state.faults.pauses and not node.call:
                seen = _SILENT if not node.answers else _ALONE if alone else _SERVED
                paused = state.spend("pauses").where(at, call=seen)
                yield Step(f"an agent pauses right before it removes {facts.name(at)}", paused, fault=True)


def _paused(state: State, at: Position, node: Node) -> Iterator[Step[State]]:
    over = state.where(at, call="")
    yield Step(f"the agent that was about to remove {facts.name(at)} wakes too late", over)
    if node.etcd != UNLISTED and state.has_quorum:
        sent = "a paused agent wakes and removes"
        exact, excused, alone = (node.call == each for each in (_SERVED, _SILENT, _ALONE))
        for step in removal(over, at, sent, exact=exact, excused=excused, alone=alone):
            yield step._replace(fault=True)


def dated(state: State) -> State:
    """The state after a fault: what paused agents have seen is not true any more."""
    if not any(node.call == _SERVED for _, node in state.nodes()):
        return state
    for at, node in state.nodes():
        if node.call == _SERVED:
            state = state.where(at, call=_STALE)
    return state


def removal(
    state: State, at: Position, what: str, *, exact: bool, excused: bool = False, alone: bool = False
) -> Iterator[Step[State]]:
    """etcd's `member remove`.

    `exact` says that nothing has failed since the check, `excused` that the member was silent then, `alone` that the
    operation says that etcd's quorum decides alone.
    """
    node = state.at(at)
    if refuses(state, node):
        return
    after = state.where(at, etcd=UNLISTED, doing="", leased=False)
    harm = [] if after.has_quorum else [QUORUM]
    if node.alive and node.place == BOOTS and node.etcd in (UNSTARTED, LEARNER) and not excused:
        harm.append(JOINERS_GO_ON)
    if node.answers and not excused and not alone:
        least = len(state.groups) // 2 + 1
        if after.voters < least or (exact and after.answering < least):
            harm.append(MAJORITY_OF_SLOTS)
    yield Step(f"{what} {facts.name(at)}", after.with_harm(*harm))


def _has_silent_learner(state: State) -> bool:
    return any(node.etcd == UNSTARTED or (node.etcd == LEARNER and not node.alive) for _, node in state.nodes())


def _corrections(state: State) -> Iterator[tuple[Position, str]]:
    """What etcd's list says against the rows, by the agents' own rules."""
    listed = facts.member_list(state)
    for at, node in state.nodes():
        row = facts.row(at, node, Times())
        for correction in by_etcd([] if row is None else [row], listed):
            changes = dict(correction.update.changes)
            if "State" in changes:
                yield at, {"removed": REMOVED, "voter": MEMBER}[str(changes["State"])]
            elif node.row == JOINING:
                yield at, KNOWN
        if listed_again([] if row is None else [row], listed, facts.RECORD):
            yield at, MEMBER
