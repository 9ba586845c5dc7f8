"""The state of the membership model: the slots' groups, their instances as etcd, rows and Auto Scaling have them.

Instances have no names in it. They are told apart by where they stand, and groups and instances are kept in order, so
states that differ only in who is who are one state.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple, TypeAlias

from coordination.operations import OperationKind

BOOTS = "boots"
SERVES = "in service"
LEAVES = "terminating"
RETAINED = "retained"
DETACHED = "detached"
GONE = "gone"

UNLISTED, UNSTARTED, LEARNER, VOTER = range(4)
"""What etcd's list says of an instance."""

NO_ROW = ""
JOINING = "joining"
KNOWN = "joining, by its id"
"""A joining row into which an agent has written the id that etcd gave."""
MEMBER = "voter"
REMOVED = "removed"

APPROVED = "approved"
LAST_HOUR = "last hour"


class Faults(NamedTuple):
    """How often each may still happen."""

    kills: int = 0
    """An instance dies, and no hook announced it."""
    hangs: int = 0
    """An instance does nothing any more; it may wake up at any time."""
    terminations: int = 0
    """An operator terminates an instance through Auto Scaling."""
    failures: int = 0
    """A boot fails: the instance abandons its launch hook."""
    hooks: int = 0
    """A member's terminating hook ends: the instance is retained."""
    detachments: int = 0
    """An instance is detached from its group, or put into standby."""
    pauses: int = 0
    """An agent is paused between its check and the call; another one takes over."""
    withdrawals: int = 0
    """The function waits no longer for an operation."""
    stale: int = 0
    """A pass of the function decides now, and carries out any time later."""
    late: int = 0
    """A joiner whose instance is terminating takes one more step, for it was in the middle of it."""
    sizes: int = 0
    """An operator sets a slot to 0 or to 2."""
    raises: int = 0
    """A call that sets a slot to 1 arrives late."""
    decrements: int = 0
    """A second pass ends the surplus of a slot that has none any more."""
    rolls: int = 0
    """CloudFormation rolls a slot: the newcomer first."""
    stops: int = 0
    """A roll stops, and leaves MinSize at 2."""
    droughts: int = 0
    """A zone launches nothing any more."""
    approvals: int = 0
    """A person approves the removal of a voter that leaves."""
    last_hours: int = 0
    """The last hour begins in which a hook can be kept."""


class Node(NamedTuple):
    """An instance. The first fields are what is told of it; the others are what it, or somebody about it, remembers."""

    place: str
    alive: bool = True
    etcd: int = UNLISTED
    row: str = NO_ROW
    target: bool = False
    """Whether the operation is about it."""
    doing: str = ""
    """How far its try to join has come."""
    leased: bool = False
    """Whether it holds `lease#join`."""
    call: str = ""
    """What an agent that is paused right before the removal of it had seen at its check."""
    late: str = ""
    """What a pass has decided about it and not carried out yet."""
    fresh: bool = False
    """Whether it was launched by a roll that goes on."""
    alone: str = ""
    """Why etcd's quorum may decide alone about it: APPROVED, or LAST_HOUR where its slot has no room beside it."""

    @property
    def answers(self) -> bool:
        """Whether it is a voter that answers."""
        return self.alive and self.etcd == VOTER

    @property
    def occupies(self) -> bool:
        """Whether it takes room."""
        return self.place != GONE

    @property
    def is_active(self) -> bool:
        """Whether its group counts it."""
        return self.place in (BOOTS, SERVES)

    @property
    def may_be_forgotten(self) -> bool:
        """Whether nothing hangs on it any more."""
        nobody = self.etcd == UNLISTED and self.row in (NO_ROW, REMOVED) and not self.target
        return nobody and self.place in (GONE, DETACHED)


class Group(NamedTuple):
    """The group of a slot.

    `dry` says that its zone launches nothing, `rolls` that CloudFormation rolls it, `waits` that its joiners wait.
    """

    smallest: int
    desired: int
    dry: bool
    rolls: bool
    nodes: tuple[Node, ...]
    waits: bool = False

    @property
    def active(self) -> int:
        """How many instances it counts."""
        return sum(node.is_active for node in self.nodes)


class Operation(NamedTuple):
    """The operation that stands in the table; its target is marked."""

    kind: OperationKind
    named: bool
    """Whether it says whose instance the target is."""
    accepted: bool = False
    outcome: str = ""
    """Empty while it has not ended."""
    alone: bool = False
    """Whether etcd's quorum decides alone, and not a majority of the slots."""


Position: TypeAlias = tuple[int, int]
"""Which group, and which of its instances."""


class State(NamedTuple):
    """Everything. `harm` are things that happened and must never happen."""

    faults: Faults
    groups: tuple[Group, ...]
    operation: Operation | None = None
    overstayed: bool = False
    """Whether a joiner ever had etcd add it after it had lost its lease inside of kubeadm."""
    harm: tuple[str, ...] = ()

    def nodes(self) -> Iterator[tuple[Position, Node]]:
        """Every instance and where it stands."""
        for first, group in enumerate(self.groups):
            for second, node in enumerate(group.nodes):
                yield (first, second), node

    def at(self, position: Position) -> Node:
        """The instance that stands there."""
        return self.groups[position[0]].nodes[position[1]]

    def put(self, position: Position, node: Node) -> State:
        """The state with another instance in its place."""
        first, second = position
        nodes = self.groups[first].nodes
        return self.group(first, nodes=(*nodes[:second], node, *nodes[second + 1 :]))

    def where(self, position: Position, **changes: object) -> State:
        """The state in which this instance is otherwise."""
        return self.put(position, self.at(position)._replace(**changes))  # type: ignore[arg-type]

    def group(self, first: int, **changes: object) -> State:
        """The state in which this group is otherwise."""
        changed = self.groups[first]._replace(**changes)  # type: ignore[arg-type]
        return self._replace(groups=(*self.groups[:first], changed, *self.groups[first + 1 :]))

    def every(self, **changes: object) -> State:
        """The state in which every instance is otherwise."""
        groups = tuple(
            group._replace(nodes=tuple(node._replace(**changes) for node in group.nodes))  # type: ignore[arg-type]
            for group in self.groups
        )
        return self._replace(groups=groups)

    def spend(self, fault: str) -> State:
        """The state in which a fault may happen once less."""
        left: int = getattr(self.faults, fault)
        return self._replace(faults=self.faults._replace(**{fault: left - 1}))

    def with_harm(self, *what: str) -> State:
        """The state in which something happened that must not."""
        return self._replace(harm=tuple(sorted({*self.harm, *what}))) if what else self

    @property
    def voters(self) -> int:
        """How many voters etcd lists."""
        return sum(node.etcd == VOTER for group in self.groups for node in group.nodes)

    @property
    def answering(self) -> int:
        """How many of them answer."""
        return sum(node.etcd == VOTER and node.alive for group in self.groups for node in group.nodes)

    @property
    def members(self) -> int:
        """How many members etcd lists."""
        return sum(node.etcd != UNLISTED for group in self.groups for node in group.nodes)

    @property
    def has_quorum(self) -> bool:
        """Whether etcd takes writes."""
        return self.answering > self.voters // 2


_NO_FAULTS = Faults()


def told(state: State) -> State:
    """What anybody may be told of it: no more than that is what decisions hang on."""
    groups = tuple(
        [Group(0, 1, False, False, tuple([_told(*node) for node in each.nodes]), each.waits) for each in state.groups]
    )
    return State(_NO_FAULTS, groups, state.operation)


def leaves(state: State, at: Position) -> State:
    """The state in which Auto Scaling terminates an instance, under its hook."""
    return state.where(at, place=LEAVES, fresh=False)


def has_no_room(group: Group, room: int) -> bool:
    """Whether a slot with room for so many instances wants one, has none, and can launch none."""
    occupied = sum(node.occupies for node in group.nodes)
    return group.desired > 0 and group.active == 0 and (group.dry or occupied >= room)


def told_to_function(state: State, room: int) -> State:
    """What the function is told: also the groups' sizes, which of them CloudFormation rolls, and what lets etcd's
    quorum decide alone. There `dry` says that the slot's last launch has found no room."""
    seen = told(state)
    groups = [
        each._replace(
            smallest=group.smallest,
            desired=group.desired,
            dry=has_no_room(group, room),
            rolls=group.rolls,
            nodes=tuple([node._replace(alone=own.alone) for node, own in zip(each.nodes, group.nodes, strict=True)]),
        )
        for each, group in zip(seen.groups, state.groups, strict=True)
    ]
    return seen._replace(groups=tuple(groups))


def _told(place: str, alive: bool, etcd: int, row: str, target: bool, *_: object) -> Node:
    return Node(place, alive, etcd, row, target)


def canonical(state: State) -> State:
    """The same state in order, without those that nobody will ask for any more."""
    groups = []
    for group in state.groups:
        nodes = sorted([node for node in group.nodes if not node.may_be_forgotten])
        groups.append(group._replace(nodes=tuple(nodes)))
    return state._replace(groups=tuple(sorted(groups)))


def parts(state: State) -> tuple[Hashable, ...]:
    """The state as a flat tuple: each group is a part of its own."""
    return (state._replace(groups=()), *state.groups)


def whole(flat: tuple[Hashable, ...]) -> State:
    """The state that `flat` was made of."""
    state, *groups = flat
    assert isinstance(state, State)
    return state._replace(groups=tuple(groups))  # type: ignore[arg-type]
