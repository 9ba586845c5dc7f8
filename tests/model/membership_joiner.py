"""What a joining instance does in the membership model: the project's gate decides, and kubeadm adds and promotes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from coordination.outcomes import Known, Unknown
from tests.model import membership_facts as facts
from tests.model.explorer import Step
from tests.model.membership_state import (
    BOOTS,
    JOINING,
    LEARNER,
    LEAVES,
    MEMBER,
    REMOVED,
    RETAINED,
    SERVES,
    UNLISTED,
    UNSTARTED,
    VOTER,
    Node,
    Position,
    State,
    told,
)
from tests.model.records import CLUSTER
from userdata.boot import decide as boot
from userdata.boot import gate as gates
from userdata.boot.actions import AbandonLaunch
from userdata.boot.gate import Open, View
from userdata.boot.snapshot import Reach, Snapshot
from userdata.host.etcd_disk import ClusterNode, Disk

_ENTERED, _WROTE, _KUBEADM = "holds the lease", "has written its row", "runs kubeadm"


class Joiners:
    """The joining instances. What the gate says is remembered by what it hangs on, for one model alone."""

    def __init__(self) -> None:
        self._gate = cache(_is_open)
        self._gives_up = cache(_gives_up)

    def steps(self, state: State, at: Position, node: Node) -> Iterator[Step[State]]:
        """What the instance may do next."""
        if not node.alive:
            return
        if node.place == BOOTS:
            yield from self._forward(state, at, node)
        elif node.place in (LEAVES, RETAINED) and node.doing:
            yield from self._stops(state, at, node)

    def _forward(self, state: State, at: Position, node: Node) -> Iterator[Step[State]]:
        name = facts.name(at)
        if not node.doing and node.etcd == UNLISTED:
            if self._gives_up(at, node.row):
                yield Step(f"{name} reads that it was removed, and gives up its place", state.where(at, place=LEAVES))
            elif self._is_open(state, at) and not any(other.leased and other.alive for _, other in state.nodes()):
                entered = state.every(leased=False).where(at, doing=_ENTERED, leased=True)
                yield Step(f"{name} passes the gate and takes the lease", entered)
        else:
            yield from self._joins(state, at, node)

    def _joins(self, state: State, at: Position, node: Node) -> Iterator[Step[State]]:
        name, back = facts.name(at), state.where(at, doing="", leased=False)
        if node.doing == _ENTERED:
            if not node.leased or node.row == REMOVED:
                yield Step(f"{name}'s row is refused: back to the gate", back)
            else:
                yield Step(f"{name} writes its row", state.where(at, doing=_WROTE, row=JOINING))
        elif node.doing == _WROTE:
            if node.leased and self._is_open(state, at):
                yield Step(f"{name} finds the gate open still, and runs kubeadm", state.where(at, doing=_KUBEADM))
            else:
                yield Step(f"{name} finds the gate closed: back to it", back)
        elif node.etcd == UNLISTED:
            yield from self._added(state, at, node)
            yield Step(f"{name}'s kubeadm fails: back to the gate", back)
        elif node.etcd == UNSTARTED:
            yield Step(f"{name} starts its etcd", state.where(at, etcd=LEARNER))
        elif node.etcd == LEARNER:
            if state.has_quorum:
                yield Step(f"etcd promotes {name}", state.where(at, etcd=VOTER))
        else:
            row = MEMBER if node.row != REMOVED else node.row
            served = state.where(at, place=SERVES, row=row, doing="", leased=False)
            yield Step(f"{name} serves: voter row, launch hook, lease", served)

    def _added(self, state: State, at: Position, node: Node) -> Iterator[Step[State]]:
        """etcd takes one learner at a time, and a majority has to agree."""
        learners = any(other.etcd in (UNSTARTED, LEARNER) for _, other in state.nodes())
        if state.has_quorum and not learners:
            added = state.where(at, etcd=UNSTARTED)
            overstayed = state.overstayed or not node.leased
            yield Step(f"etcd adds {facts.name(at)} as a learner", added._replace(overstayed=overstayed))

    def _stops(self, state: State, at: Position, node: Node) -> Iterator[Step[State]]:
        """The joiner of a terminating instance stops, and gives the lease back, before its next step."""
        name = facts.name(at)
        yield Step(f"{name} stops joining, for it terminates", state.where(at, doing="", leased=False))
        if state.faults.late and node.etcd != VOTER:
            spent = state.spend("late")
            for step in self._joins(spent, at, node):
                yield step._replace(label=f"late: {step.label}", fault=True)

    def _is_open(self, state: State, at: Position) -> bool:
        return self._gate(told(state), at)


def _is_open(state: State, at: Position) -> bool:
    members = Known(facts.member_list(state)) if state.has_quorum else Unknown("no majority answers")
    silent = [facts.name(other) for other, node in state.nodes() if node.etcd == VOTER and not node.alive]
    asked = facts.operation(state, facts.Times())
    view = View(
        members,
        silent,
        Known(asked),
        len(state.groups),
        facts.name(at),
        facts.peer_url(at),
        waits=Known(facts.joiners_wait(state, at[0])),
    )
    return isinstance(gates.gate(view), Open)


def _gives_up(at: Position, row: str) -> bool:
    """What the boot table says of an instance without data, by its own row."""
    name = facts.name(at)
    seen = Snapshot(
        node=ClusterNode(CLUSTER, name),
        disk=Disk(has_data=False, has_marker=False, identity=None),
        record=Known(facts.RECORD),
        row=Known(facts.row(at, Node(BOOTS, row=row), facts.Times())),
        owner_gone=Known(False),
        owner_still=False,
        reach=Reach.QUORUM,
    )
    return isinstance(boot.decide(seen), AbandonLaunch)
