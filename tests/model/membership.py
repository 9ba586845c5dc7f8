"""The membership model: a ready cluster whose instances leave, die, hang and are replaced, without a person.

The function's and the agents' decisions are the project's own; their surroundings are modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tests.model import membership_region as region
from tests.model.explorer import Step
from tests.model.membership_agent import JOINERS_GO_ON, MAJORITY_OF_SLOTS, ONE_BY_ONE, Agents
from tests.model.membership_function import ALONE, NO_LISTED_LET_GO, QUORUM, Function
from tests.model.membership_joiner import Joiners
from tests.model.membership_ports import refuses
from tests.model.membership_state import (
    LEAVES,
    MEMBER,
    REMOVED,
    RETAINED,
    SERVES,
    VOTER,
    Faults,
    Group,
    Node,
    Position,
    State,
    canonical,
    has_no_room,
    parts,
    whole,
)

ROWS_TRUE = "no row says removed of a listed voter"
FEW_MEMBERS = "etcd lists one member more than slots at most, two where a joiner lost its lease inside of kubeadm"
_HARMS = (QUORUM, ALONE, MAJORITY_OF_SLOTS, NO_LISTED_LET_GO, JOINERS_GO_ON, ONE_BY_ONE)


class Membership:
    """The model. `room` is how many instances a slot has room for; `dry` slots are empty, and their zones are full."""

    def __init__(self, faults: Faults, slots: int = 3, room: int = 3, dry: int = 0) -> None:
        self._faults = faults
        self._slots = slots
        self._room = room
        self._dry = dry
        self._function = Function(room)
        self._agents = Agents()
        self._joiners = Joiners()

    @property
    def invariants(self) -> Mapping[str, Callable[[State], bool]]:
        """What must hold in every state."""
        harms = {what: partial(_harmless, what) for what in _HARMS}
        return {**harms, ROWS_TRUE: _rows_are_true, FEW_MEMBERS: _has_few_members}

    def initial(self) -> State:
        """Every slot has a healthy voter, but for the dry ones."""
        full = Group(0, 1, False, False, (Node(SERVES, etcd=VOTER, row=MEMBER),))
        empty = Group(0, 1, True, False, ())
        groups = (full,) * (self._slots - self._dry) + (empty,) * self._dry
        return canonical(State(self._faults, groups))

    parts, whole = staticmethod(parts), staticmethod(whole)

    def is_good(self, state: State) -> bool:
        """Whole, without quorum by the faults (QuorumLost), or waiting by a condition for what is not there."""
        if not state.has_quorum:
            return True
        if state.operation is not None:
            return False
        return all(self._is_good_slot(state, first, group) for first, group in enumerate(state.groups))

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        for step in self._raw_steps(state):
            yield step._replace(after=canonical(step.after))

    def _raw_steps(self, state: State) -> Iterator[Step[State]]:
        yield from region.of_slots(state, self._room)
        yield from region.of_instances(state)
        yield from self._function.steps(state)
        yield from self._agents.steps(state)
        for at, node in state.nodes():
            yield from self._joiners.steps(state, at, node)

    def _is_good_slot(self, state: State, first: int, group: Group) -> bool:
        if group.rolls:
            return False
        if group.smallest:
            # SurplusHeld, with the command that ends it.
            return all(_is_healthy(node) for node in group.nodes) and len(group.nodes) == group.desired
        if group.dry and not group.nodes:
            # SlotEmpty, with the reason of the launch that failed.
            return True
        if len(group.nodes) == 1 and _is_healthy(group.nodes[0]):
            return group.desired == 1
        return any(self._waits(state, (first, place), node) for place, node in enumerate(group.nodes))

    def _waits(self, state: State, at: Position, node: Node) -> bool:
        """RemovalWaits: the voter has to stay, and its successor has no room or its zone launches nothing."""
        if node.place not in (LEAVES, RETAINED) or not node.answers or state.answering > len(state.groups) // 2 + 1:
            return False
        if self._function.may_be_alone(state, at) and not refuses(state, node):
            return False
        return has_no_room(state.groups[at[0]], self._room) and self._function.names_a_wait(state, at)


def _is_healthy(node: Node) -> bool:
    return node.place == SERVES and node.answers and node.row == MEMBER and not node.late


def _harmless(what: str, state: State) -> bool:
    return what not in state.harm


def _rows_are_true(state: State) -> bool:
    if state.overstayed:
        return True
    return not any(node.etcd == VOTER and node.row == REMOVED for _, node in state.nodes())


def _has_few_members(state: State) -> bool:
    return state.members <= len(state.groups) + (2 if state.overstayed else 1)
