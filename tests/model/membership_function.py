"""What the function does in the membership model: its own decision, on facts made of a state, and each action apart.

Any pass may end after any of its actions, so each action is a step, and the next pass decides anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, TypeAlias

from coordination import operations
from coordination.names import joiners_wait_timer
from coordination.operations import OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Known
from coordination.rows import Rows
from coordination.starts import Start
from functions.reconcile import decide as passes
from functions.reconcile.actions import (
    Action,
    ClearOperation,
    CompleteHook,
    EndInstance,
    EndSurplus,
    RequestOperation,
    SetCondition,
    StartSlot,
    StartTimer,
    StopTimer,
    TerminateRetained,
    WithdrawOperation,
)
from functions.reconcile.snapshot import Snapshot
from tests.model import membership_facts as facts
from tests.model.explorer import Step
from tests.model.membership_facts import Times
from tests.model.membership_state import (
    APPROVED,
    BOOTS,
    GONE,
    LAST_HOUR,
    LEAVES,
    MEMBER,
    NO_ROW,
    REMOVED,
    RETAINED,
    SERVES,
    VOTER,
    Faults,
    Group,
    Node,
    Operation,
    Position,
    State,
    has_no_room,
    leaves,
    told_to_function,
)
from tests.model.records import CLUSTER
from tests.model.table import carry_out

NO_LISTED_LET_GO = "no hook is completed while its instance is a listed voter"
QUORUM = "no action of ours takes etcd's quorum away"
ALONE = "etcd's quorum decides alone only by a person's word, or in the last hour of a hook without room beside it"


class Decision(NamedTuple):
    """One action of a pass, and the instance that it is about."""

    what: str
    at: Position | None = None
    kind: OperationKind | None = None
    named: bool = True
    alone: bool = False


Told: TypeAlias = tuple[Decision, ...]

_START_ROW = Start(facts.OLD, "a request")
_WITHDRAW, _CLEAR, _REQUEST, _NAMED = "withdraw", "clear", "request", "name a condition"
_LET_GO, _BAR = "let go", "bar from joining, and let go"
_ALONE = "remove, by etcd's quorum alone"
_START, _END, _SURPLUS = "start", "end", "end, and lower the size"
_WAIT, _GO_ON = "wait", "go on"


class Function:
    """Passes of the function. Decisions are remembered by what they hang on, for one model alone.

    `room` is how many instances a slot has room for.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._told = cache(lambda state, times: frozenset(_decisions(state, times)))
        self._may_request = cache(_may_request)

    def steps(self, state: State) -> Iterator[Step[State]]:
        """What passes may do now, one action each."""
        told_of = told_to_function(state, self._room)
        for decision in self._decided(state, told_of):
            yield from self._carried_out(state, decision)
        if state.faults.withdrawals and state.operation is not None and not state.operation.outcome:
            yield from self._withdrawn(state, state.operation, told_of)
        for at, node in state.nodes():
            yield from self._late(state, at, node)

    def _withdrawn(self, state: State, standing: Operation, told_of: State) -> Iterator[Step[State]]:
        """Its time may be over at any moment."""
        if Decision(_WITHDRAW) in self._told(told_of, Times(operation=True)):
            withdrawn = standing._replace(outcome=OperationOutcome.WITHDRAWN.value)
            spent = state.spend("withdrawals")._replace(operation=withdrawn)
            yield Step("the function withdraws the operation", spent, fault=True)

    def names_a_wait(self, state: State, at: Position) -> bool:
        """Whether a condition names the instance, and why it is not removed or let go."""
        return Decision(_NAMED, at) in self._told(told_to_function(state, self._room), Times(at))

    def _decided(self, state: State, told_of: State) -> set[Decision]:
        waiting = [at for at, node in state.nodes() if node.place in (LEAVES, RETAINED) and node.answers]
        # An agent that is paused between its check and its call has been so for seconds.
        doubt = not any(node.call for _, node in state.nodes())
        every = [Times(doubt=doubt), *(Times(at, doubt=doubt) for at in waiting)]
        twice = [first for first, group in enumerate(state.groups) if group.desired > 1 and group.active > 1]
        every += [Times(doubt=doubt, newest=at) for at, node in state.nodes() if at[0] in twice and node.is_active]
        silent = [at for at, node in state.nodes() if node.etcd == VOTER and not node.alive and node.is_active]
        every += [Times(doubt=doubt, longest=at) for at in silent if len(silent) > 1]
        return {decision for times in every for decision in self._told(told_of, times)}

    def _carried_out(self, state: State, decision: Decision) -> Iterator[Step[State]]:
        what, at = decision.what, decision.at
        if what == _CLEAR:
            yield Step("the function clears the operation", state.every(target=False)._replace(operation=None))
        elif at is None:
            return
        elif what in (_START, _END, _SURPLUS, _WAIT, _GO_ON):
            yield from _sized(state, what, at)
        elif what in (_LET_GO, _BAR):
            yield from _let_go(state, at, what)
            if state.faults.stale:
                decided = state.spend("stale").where(at, late=what)
                yield Step(f"a pass decides to let {facts.name(at)} go, and pauses", decided, fault=True)
        elif what == _REQUEST and decision.kind is not None:
            if decision.alone and not self.may_be_alone(state, at):
                state = state.with_harm(ALONE)
            if self._may_request(state.operation, decision.kind):
                yield Step(f"the function asks for {decision.kind} of {facts.name(at)}", _requested(state, decision))
            if state.faults.stale and decision.named:
                decided = state.spend("stale").where(at, late=_ALONE if decision.alone else decision.kind.value)
                yield Step(f"a pass decides on {decision.kind} of {facts.name(at)}, and pauses", decided, fault=True)

    def _late(self, state: State, at: Position, node: Node) -> Iterator[Step[State]]:
        """What a pass decided on an older belief. Its writes are conditional all the same."""
        if not node.late:
            return
        over = state.where(at, late="")
        yield Step(f"the paused pass about {facts.name(at)} never goes on", over)
        if node.late in (_LET_GO, _BAR):
            if node.place in (LEAVES, RETAINED):
                for step in _let_go(over, at, node.late):
                    yield step._replace(label=f"late: {step.label}")
            return
        alone = node.late == _ALONE
        kind = OperationKind.REMOVE if alone else OperationKind(node.late)
        if self._may_request(state.operation, kind):
            asked = _requested(over, Decision(_REQUEST, at, kind, alone=alone))
            yield Step(f"late: the function asks for {node.late} of {facts.name(at)}", asked, fault=True)

    def may_be_alone(self, state: State, at: Position) -> bool:
        """Whether etcd's quorum may decide alone about an instance."""
        node = state.at(at)
        if node.alone == LAST_HOUR:
            return node.place == LEAVES and has_no_room(state.groups[at[0]], self._room)
        return node.alone == APPROVED


def _requested(state: State, decision: Decision) -> State:
    assert decision.at is not None
    assert decision.kind is not None
    asked = Operation(decision.kind, decision.named, alone=decision.alone)
    return state.every(target=False).where(decision.at, target=True)._replace(operation=asked)


def _sized(state: State, what: str, at: Position) -> Iterator[Step[State]]:
    """What the function does about sizes, and about instances of which the cluster has no use."""
    name, group = facts.name(at), state.groups[at[0]]
    if what in (_WAIT, _GO_ON):
        yield Step(f"the function: joiners of slot {at[0]} {what}", state.group(at[0], waits=what == _WAIT))
    elif what == _START:
        yield Step(f"the function raises slot {at[0]} to 1", state.group(at[0], desired=1))
    elif what == _END:
        yield Step(f"the function ends {name}", leaves(state, at))
    elif group.desired - 1 >= group.smallest:
        # Auto Scaling refuses the decrement below MinSize.
        lowered = leaves(state, at).group(at[0], desired=group.desired - 1)
        yield Step(f"the function ends the surplus {name}", lowered)


def _let_go(state: State, at: Position, what: str) -> Iterator[Step[State]]:
    """The hook is completed, or the retained instance terminated; its row is written first where it has none."""
    node = state.at(at)
    if what == _BAR:
        # Refused where it has one by now.
        if node.row == NO_ROW:
            yield Step(f"the function writes that {facts.name(at)} never joins", state.where(at, row=REMOVED))
        return
    gone = state.where(at, place=GONE, alive=False, doing="", leased=False, late="")
    if node.etcd == VOTER and not state.overstayed:
        gone = gone.with_harm(NO_LISTED_LET_GO)
        if state.has_quorum and not gone.has_quorum:
            gone = gone.with_harm(QUORUM)
    yield Step(f"the function lets {facts.name(at)} go", gone)


def _may_request(standing: Operation | None, kind: OperationKind) -> bool:
    """Whether the write of a new operation is accepted, beside the one that stands."""
    target = Node(SERVES, etcd=VOTER, row=MEMBER, target=True)
    stored = facts.table(State(Faults(), (Group(0, 1, False, False, (target,)),), standing), Times())
    wanted = operations.Operation("2-2", kind, "i-0-0", "100", facts.EPOCH, OperationState.REQUESTED, facts.NOW)
    return carry_out(stored, operations.request(wanted)) is not None


def _decisions(state: State, times: Times) -> Iterator[Decision]:
    for action in passes.decide(_snapshot(state, times)):
        decision = _decision(action)
        if decision is not None:
            yield decision


def _decision(action: Action) -> Decision | None:
    """The action by its position; None for one that changes nothing here."""
    match action:
        case CompleteHook(instance=instance, bars=bars):
            return Decision(_LET_GO if bars is None else _BAR, facts.position(instance.instance_id))
        case TerminateRetained(instance=instance):
            return Decision(_LET_GO, facts.position(instance.instance_id))
        case StartSlot(group=group):
            return Decision(_START, (int(group.slot), 0))
        case EndInstance(instance=instance):
            return Decision(_END, facts.position(instance.instance_id))
        case EndSurplus(instance=instance):
            return Decision(_SURPLUS, facts.position(instance.instance_id))
        case RequestOperation(operation=wanted):
            named = bool(wanted.target_instance)
            at = facts.position(wanted.target_instance) if named else facts.position_of_number(wanted.target_member_id)
            return Decision(_REQUEST, at, wanted.kind, named, wanted.by_etcd_alone)
        case WithdrawOperation():
            return Decision(_WITHDRAW)
        case ClearOperation():
            return Decision(_CLEAR)
        case StartTimer(timer=timer) | StopTimer(timer=timer):
            _, waits, slot = timer.name.partition(joiners_wait_timer(""))
            return Decision(_WAIT if isinstance(action, StartTimer) else _GO_ON, (int(slot), 0)) if waits else None
        case SetCondition(condition=condition):
            about = condition.name.rpartition("/")[2]
            return Decision(_NAMED, facts.position(about)) if about.startswith("i-") else None
        case _:
            return None


def _snapshot(state: State, times: Times) -> Snapshot:
    stored = facts.rows(state, times)
    elsewhere = [each for each, row in stored.items() if _is_elsewhere(state, each) and row.state.value != REMOVED]
    return Snapshot(
        cluster_id=CLUSTER,
        now=facts.NOW,
        lease=Known(1),
        groups=Known(facts.groups(state)),
        rows=Known(
            Rows(
                record=Known(facts.RECORD),
                members={each: Known(row) for each, row in stored.items()},
                conditions={},
                teardown=Known(None),
                release_grants={},
                drains={},
                replacements={},
                observation=Known(facts.observation(state)),
                operation=Known(facts.operation(state, times)),
                start=Known(_START_ROW),
                timers=facts.timers(state),
                removal_approval=Known(facts.approval(state)),
            )
        ),
        root_status=Known("UPDATE_IN_PROGRESS" if any(each.rolls for each in state.groups) else "UPDATE_COMPLETE"),
        states=Known(facts.states(state, elsewhere)),
        table_protected=Known(True),
        slot_states=facts.slot_states(state),
        launches=facts.launches(state),
    )


def _is_elsewhere(state: State, instance: str) -> bool:
    return state.at(facts.position(instance)).place not in (BOOTS, SERVES, LEAVES, RETAINED)
