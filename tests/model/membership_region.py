"""What surrounds the cluster in the membership model: Auto Scaling, CloudFormation, operators, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model import membership_facts as facts
from tests.model.explorer import Step
from tests.model.membership_agent import dated
from tests.model.membership_state import (
    APPROVED,
    BOOTS,
    DETACHED,
    GONE,
    LAST_HOUR,
    LEAVES,
    RETAINED,
    SERVES,
    VOTER,
    Group,
    Node,
    Position,
    State,
    leaves,
)

_LARGEST = 2


def of_slots(state: State, room: int) -> Iterator[Step[State]]:
    """What happens to the groups. A slot has room for so many instances at a time."""
    for first, group in enumerate(state.groups):
        if group in state.groups[:first]:
            continue
        yield from _auto_scaling(state, first, group, room)
        yield from _launch_fails(state, first, group)
        yield from _cloudformation(state, first, group)
        yield from _operators(state, first, group)


def of_instances(state: State) -> Iterator[Step[State]]:
    """What happens to single instances."""
    for at, node in state.nodes():
        if _is_first_of_its_kind(state, at, node):
            yield from _faults(state, at, node)
            yield from _ends(state, at, node)


def _auto_scaling(state: State, first: int, group: Group, room: int) -> Iterator[Step[State]]:
    if group.active > group.desired:
        for place, node in enumerate(group.nodes):
            if node.is_active:
                left = leaves(state, (first, place))
                yield Step(f"Auto Scaling scales {facts.name((first, place))} in", left)
    occupied = sum(node.occupies for node in group.nodes)
    if group.active < group.desired and occupied < room and not group.dry:
        launched = (*group.nodes, Node(BOOTS, fresh=group.rolls))
        yield Step(f"Auto Scaling launches an instance in slot {first}", state.group(first, nodes=launched))


def _launch_fails(state: State, first: int, group: Group) -> Iterator[Step[State]]:
    """A surplus that has no room is ended by whoever raised it: nothing else lowers a size without an instance."""
    surplus = group.desired == _LARGEST and not group.rolls and group.smallest < _LARGEST
    if surplus and group.active == 1:
        yield Step(f"the operator sets slot {first} back to 1", state.group(first, desired=1))


def _cloudformation(state: State, first: int, group: Group) -> Iterator[Step[State]]:
    rolling = any(other.rolls for other in state.groups)
    if state.faults.rolls and not rolling and group.desired == 1:
        rolled = state.spend("rolls").group(first, rolls=True, smallest=_LARGEST, desired=_LARGEST)
        yield Step(f"CloudFormation rolls slot {first}, the newcomer first", rolled, fault=True)
    if not group.rolls:
        return
    if group.active >= group.desired and not any(node.fresh for node in group.nodes if node.is_active):
        # Another one was on its way in when the roll began.
        for place, node in enumerate(group.nodes):
            if node.is_active:
                ended = leaves(state, (first, place))
                yield Step(f"CloudFormation ends {facts.name((first, place))}, to make room for a newcomer", ended)
    if any(node.fresh and node.place == SERVES for node in group.nodes):
        yield Step(f"CloudFormation ends the old instance of slot {first}", _rolled(state, first, group))
    if state.faults.stops:
        kept = tuple(node._replace(fresh=False) for node in group.nodes)
        stopped = state.spend("stops").group(first, rolls=False, nodes=kept)
        yield Step(f"the roll of slot {first} stops, and MinSize stays 2", stopped, fault=True)


def _rolled(state: State, first: int, group: Group) -> State:
    for place, node in enumerate(group.nodes):
        if node.is_active and not node.fresh:
            state = leaves(state, (first, place))
    nodes = tuple(node._replace(fresh=False) for node in state.groups[first].nodes)
    return state.group(first, rolls=False, smallest=0, desired=1, nodes=nodes)


def _operators(state: State, first: int, group: Group) -> Iterator[Step[State]]:
    faults = state.faults
    if faults.sizes and not group.rolls:
        for size in {0, _LARGEST} - {group.desired}:
            if size >= group.smallest:
                sized = state.spend("sizes").group(first, desired=size)
                yield Step(f"an operator sets slot {first} to {size}", sized, fault=True)
    if faults.raises and group.desired != 1 and group.smallest <= 1:
        raised = state.spend("raises").group(first, desired=1)
        yield Step(f"a late call sets slot {first} to 1", raised, fault=True)
    if faults.decrements and group.desired - 1 >= group.smallest:
        for place, node in enumerate(group.nodes):
            if node.is_active:
                ended = leaves(state.spend("decrements"), (first, place)).group(first, desired=group.desired - 1)
                label = f"a second pass ends {facts.name((first, place))} and takes its place away"
                yield Step(label, ended, fault=True)
    if group.smallest and not group.rolls:
        yield Step(f"an operator sets MinSize of slot {first} to 0", state.group(first, smallest=0), fault=True)
    if faults.droughts and not group.dry:
        dry = state.spend("droughts").group(first, dry=True)
        yield Step(f"the zone of slot {first} launches nothing any more", dry, fault=True)
    if group.dry:
        yield Step(f"the zone of slot {first} launches again", state.group(first, dry=False), fault=True)


def _faults(state: State, at: Position, node: Node) -> Iterator[Step[State]]:
    faults, name = state.faults, facts.name(at)
    if node.place == GONE:
        return
    if faults.kills:
        killed = dated(state.spend("kills")).where(at, place=GONE, alive=False, doing="", leased=False, fresh=False)
        yield Step(f"{name} dies without a hook", killed, fault=True)
    if faults.hangs and node.alive:
        yield Step(f"{name} hangs", dated(state.spend("hangs")).where(at, alive=False), fault=True)
    if not node.alive:
        yield Step(f"{name} wakes up", state.where(at, alive=True), fault=True)
    if faults.terminations and node.is_active:
        yield Step(f"an operator terminates {name}", leaves(state.spend("terminations"), at), fault=True)
    if faults.failures and node.place == BOOTS and node.alive and not node.etcd:
        failed = leaves(state.spend("failures"), at).where(at, doing="", leased=False)
        yield Step(f"{name}'s boot fails: it abandons its launch hook", failed, fault=True)
    if faults.hooks and node.place == LEAVES and node.etcd:
        alone = "" if node.alone == LAST_HOUR else node.alone
        retained = state.spend("hooks").where(at, place=RETAINED, alone=alone)
        yield Step(f"{name}'s hook ends: retained", retained, fault=True)
    if node.etcd == VOTER and not node.alone:
        yield from _is_let_go(state, at, node)
    if faults.detachments and node.place == SERVES:
        yield Step(f"{name} is detached", state.spend("detachments").where(at, place=DETACHED), fault=True)


def _is_let_go(state: State, at: Position, node: Node) -> Iterator[Step[State]]:
    """Why etcd's quorum may decide alone from now on."""
    name = facts.name(at)
    if state.faults.approvals and node.place in (LEAVES, RETAINED, DETACHED):
        approved = state.spend("approvals")
        for before, other in state.nodes():
            if other.alone == APPROVED:
                approved = approved.where(before, alone="")
        yield Step(f"a person approves the removal of {name}", approved.where(at, alone=APPROVED), fault=True)
    if state.faults.last_hours and node.place == LEAVES:
        last = state.spend("last_hours").where(at, alone=LAST_HOUR)
        yield Step(f"the last hour of {name}'s hook begins", last, fault=True)


def _ends(state: State, at: Position, node: Node) -> Iterator[Step[State]]:
    """What ends an instance by itself."""
    name = facts.name(at)
    if node.place == BOOTS and not node.alive:
        yield Step(f"the launch hook of {name} runs out", leaves(state, at))


def _is_first_of_its_kind(state: State, at: Position, node: Node) -> bool:
    """Of instances that nothing tells apart, what happens to one stands for what happens to any."""
    first, second = at
    group = state.groups[first]
    return node not in group.nodes[:second] and group not in state.groups[:first]
