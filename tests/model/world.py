"""The state of the founding model: the table, the store of keys, and three nodes with what each knows and has."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import NamedTuple

from coordination.claims import Claim
from coordination.lease_watch import LeaseWatch
from coordination.record import ClusterRecord
from coordination.writes import Transaction, Update
from tests.model.naming import new_names, renamed
from tests.model.table import EMPTY, Table
from userdata.host.etcd_disk import Disk


class Faults(NamedTuple):
    """How often each may still happen."""

    losses: int = 0
    """An instance is terminated; its group launches another one."""
    reboots: int = 0
    """Memory goes, the disk stays."""
    hangs: int = 0
    """A node does nothing any more, until it wakes up and goes on with its next step, or its launch hook runs out."""
    doubts: int = 0
    """A write whose reply is lost, whether it happened or not."""
    late: int = 0
    """A write that was under way when its node was lost or rebooted, and that happens any time later."""
    renewals: int = 0
    """How often an owner renews; not a fault, but a bound."""
    failures: int = 0
    """A founder finds that it cannot found, gives up its claim and stays as it is, for a person to look at."""
    deletions: int = 0
    """The cluster is deleted."""


class Node(NamedTuple):
    """An instance: `stage` is what it does next; all but name, disk, `hung` and `leaving` is memory."""

    name: str
    stage: str = "look"
    disk: Disk = Disk()
    hung: bool = False
    leaving: bool = False
    """Whether its launch hook ran out, and its terminating hook holds it."""
    claim: Claim | None = None
    """What it is about to claim."""
    claimed: ClusterRecord | None = None
    """The record as it claimed it, with the counter that it wrote last."""
    wipes: bool = False
    joins: ClusterRecord | None = None
    run: int = 0
    """Which founding this is, of all that ever began: the keys that it makes are told apart by it."""
    watch: LeaseWatch | None = None

    def forgetful(self, stage: str = "look") -> Node:
        """The same instance at a stage, with what a restart leaves of it."""
        return Node(self.name, stage, self.disk, leaving=self.leaving)


class Keys(NamedTuple):
    """A set in the store of keys: which run made its certificate and which its key; 0 before there is one."""

    epoch: int
    certificate: int = 0
    key: int = 0


class World(NamedTuple):
    """Everything. `harm` are things that happened and must never happen."""

    faults: Faults
    nodes: tuple[Node, ...]
    table: Table = EMPTY
    keys: tuple[Keys, ...] = ()
    join_data: str = ""
    """The etcd cluster to which the published join data leads."""
    runs: int = 0
    late: tuple[Update | Transaction, ...] = ()
    was_ready: tuple[str, ...] = ()
    """Every etcd cluster that the record ever called ready."""
    harm: tuple[str, ...] = ()

    def where(self, node: Node, **changes: object) -> World:
        """The world in which this node is otherwise."""
        return self.replace_node(node, node._replace(**changes))  # type: ignore[arg-type]

    def replace_node(self, node: Node, other: Node) -> World:
        """The world in which another node stands in the place of this one."""
        return self._replace(nodes=tuple(other if each is node else each for each in self.nodes))

    def spend(self, fault: str) -> World:
        """The world in which a fault may happen once less."""
        left: int = getattr(self.faults, fault)
        return self._replace(faults=self.faults._replace(**{fault: left - 1}))

    def with_harm(self, what: str) -> World:
        """The world in which something happened that must not."""
        return self._replace(harm=tuple(sorted({*self.harm, what})))


def parts(world: World) -> tuple[Hashable, ...]:
    """The world as a flat tuple: each node is a part of its own."""
    return (world._replace(nodes=()), *world.nodes)


def whole(flat: tuple[Hashable, ...]) -> World:
    """The world that `flat` was made of."""
    world, *nodes = flat
    assert isinstance(world, World)
    return world._replace(nodes=tuple(nodes))  # type: ignore[arg-type]


def etcd_of(disk: Disk) -> str:
    """The etcd cluster whose whole data is on a disk."""
    return disk.identity.etcd_cluster_id if disk.identity else ""


def canonical(world: World) -> World:
    """The same world with its nodes in order and named by their place."""
    record = world.table[0][1] if world.table else ()
    nodes = sorted(world.nodes, key=lambda node: _order(node, ("Owner", node.name) in record))
    names = new_names([node.name for node in nodes], world.table, world.late, *nodes)
    if not names:
        return world._replace(nodes=tuple(nodes))
    return world._replace(
        nodes=tuple(renamed(node, names) for node in nodes),
        table=tuple(sorted(renamed(world.table, names))),
        late=renamed(world.late, names),
    )


@cache
def _order(node: Node, owns: bool) -> tuple[object, ...]:
    disk = node.disk
    watched = 0.0 if node.watch is None else 1 + node.watch.until
    return (
        node.stage,
        node.hung,
        node.leaving,
        disk.has_data,
        etcd_of(disk),
        disk.has_marker,
        node.run,
        node.wipes,
        watched,
        owns,
    )
