"""The state of the restore model: the table, the instances and their network, and the members that etcd lists."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import NamedTuple

from coordination.claims import Claim
from coordination.lease_watch import LeaseWatch
from coordination.members import Member
from coordination.node_leases import NodeLease
from coordination.record import ClusterRecord
from coordination.writes import Transaction, Update
from tests.model.naming import new_names, renamed
from tests.model.records import CLUSTER, harms, record_of
from tests.model.renumbering import (
    claim_renumbered,
    lease_renumbered,
    numbers,
    record_renumbered,
    table_renumbered,
)
from tests.model.table import Table, carry_out
from userdata.host.etcd_disk import ClusterNode, Disk


class Budget(NamedTuple):
    """How often each may still happen."""

    losses: int = 0
    """An instance is terminated."""
    launches: int = 0
    """Auto Scaling launches another one for a slot that is empty: a bound, not a fault."""
    stops: int = 0
    """An instance is stopped; it keeps its disk, and may be started again."""
    reboots: int = 0
    cuts: int = 0
    """The network parts the instances in two sides; both reach the table and EC2."""
    leavings: int = 0
    """Auto Scaling begins to terminate a member, healthy or not; its terminating hook holds it."""
    deletions: int = 0
    blind: int = 0
    """A node boots while it cannot read the table."""


class Instance(NamedTuple):
    """An instance that is not terminated. All but name, place, disk and state is memory."""

    name: str
    stage: str = "look"
    disk: Disk = Disk()
    serves: bool = False
    """Whether its etcd runs."""
    stopped: bool = False
    side: int = 0
    young: bool = False
    """Whether EC2 does not show it yet."""
    leaving: bool = False
    """Whether its terminating hook holds it."""
    let_go: bool = False
    """Whether a pass of the function has decided that the hook need not hold it."""
    record: ClusterRecord | None = None
    """The record that it acts on: to join, to judge a restore, or as it claimed it."""
    rows: tuple[Member, ...] = ()
    claim: Claim | None = None
    wipes: bool = False
    lease: NodeLease | None = None
    watch: LeaseWatch | None = None

    @property
    def node(self) -> ClusterNode:
        """Who it is for the boot table."""
        return ClusterNode(CLUSTER, self.name)

    @property
    def etcd(self) -> str:
        """The etcd cluster whose data it has."""
        return self.disk.identity.etcd_cluster_id if self.disk.identity else ""

    def forgetful(self) -> Instance:
        """The same instance at the boot table, with what a restart leaves of it, but for a running etcd."""
        return Instance(
            self.name,
            disk=self.disk,
            serves=self.serves,
            side=self.side,
            young=self.young,
            leaving=self.leaving,
            let_go=self.let_go,
        )


class Region(NamedTuple):
    """Everything. `members` is what each etcd cluster lists, `harm` what happened and must never happen."""

    budget: Budget
    instances: tuple[Instance, ...]
    table: Table
    members: tuple[tuple[str, tuple[str, ...]], ...]
    harm: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    """The etcd clusters that have ever listed two members, whatever is left of their rows."""

    def where(self, instance: Instance, **changes: object) -> Region:
        """The region in which this instance is otherwise."""
        return self.replace_instance(instance, instance._replace(**changes))  # type: ignore[arg-type]

    def replace_instance(self, instance: Instance, *others: Instance) -> Region:
        """The region in which none or another instance stands in the place of the one with this name."""
        rest = tuple(each for each in self.instances if each.name != instance.name)
        return self._replace(instances=(*rest, *others))

    def spend(self, fault: str) -> Region:
        """The region in which something may happen once less."""
        left: int = getattr(self.budget, fault)
        return self._replace(budget=self.budget._replace(**{fault: left - 1}))

    def with_harm(self, what: str) -> Region:
        """The region in which something happened that must not."""
        return self._replace(harm=tuple(sorted({*self.harm, what})))

    def listed(self, etcd: str) -> tuple[str, ...]:
        """The members that an etcd cluster lists."""
        return next((names for cluster, names in self.members if cluster == etcd), ())

    def list_members(self, etcd: str, names: tuple[str, ...]) -> Region:
        """The region in which an etcd cluster lists these."""
        others = [pair for pair in self.members if pair[0] != etcd]
        joined = tuple(sorted({*self.joined, etcd})) if len(names) > 1 else self.joined
        return self._replace(members=tuple(sorted([*others, (etcd, tuple(sorted(names)))])), joined=joined)

    def has_quorum(self, etcd: str, side: int) -> bool:
        """Whether a majority of an etcd cluster's members serves on one side."""
        listed = self.listed(etcd)
        serving = [
            each
            for each in self.instances
            if each.name in listed and each.serves and each.etcd == etcd and each.side == side
        ]
        return bool(listed) and len(serving) > len(listed) // 2

    def could_serve(self, etcd: str) -> bool:
        """Whether a majority of its members has its data still, running, stopped or cut off."""
        listed = self.listed(etcd)
        holding = [each for each in self.instances if each.name in listed and each.etcd == etcd]
        return bool(listed) and len(holding) > len(listed) // 2


def applied(region: Region, write: Update | Transaction) -> Region | None:
    """The region after a write, with whatever harm it did to the record; None if a condition refuses it."""
    table = carry_out(region.table, write)
    if table is None:
        return None
    before, after = record_of(region.table), record_of(table)
    region = region._replace(table=table)
    if after is None or after == before:
        return region
    for harm in harms(before, after):
        region = region.with_harm(harm)
    watched = (after.epoch, after.owner, after.counter)
    forget = [
        each._replace(watch=None) if each.watch and each.watch.seen != watched else each for each in region.instances
    ]
    return region._replace(instances=tuple(forget))


def parts(region: Region) -> tuple[Hashable, ...]:
    """The region as a flat tuple: each instance is a part of its own."""
    return (region._replace(instances=()), *region.instances)


def whole(flat: tuple[Hashable, ...]) -> Region:
    """The region that `flat` was made of."""
    region, *instances = flat
    assert isinstance(region, Region)
    return region._replace(instances=tuple(instances))  # type: ignore[arg-type]


def canonical(region: Region) -> Region:
    """The same region with its instances in order and named by their place, and with small numbers."""
    row_version, fence = numbers(region.table)
    region = region._replace(
        table=table_renumbered(region.table),
        instances=tuple(
            each._replace(
                record=record_renumbered(each.record, row_version),
                claim=claim_renumbered(each.claim, row_version),
                lease=lease_renumbered(each.lease, fence),
            )
            for each in region.instances
        ),
    )
    record = region.table[0][1]
    keyed = sorted(region.instances, key=lambda each: _order(each, ("Owner", each.name) in record, region))
    names = new_names([each.name for each in keyed], region.table, region.members, *keyed)
    if not names:
        return region._replace(instances=tuple(keyed))
    return region._replace(
        instances=tuple(renamed(each, names) for each in keyed),
        table=tuple(sorted(renamed(region.table, names))),
        members=tuple((etcd, tuple(sorted(listed))) for etcd, listed in renamed(region.members, names)),
    )


def _order(instance: Instance, owns: bool, region: Region) -> tuple[object, ...]:
    listed = any(instance.name in names for _, names in region.members)
    row = next((fields for key, fields in region.table if key == f"member#{instance.name}"), ())
    return (*_own_order(instance), owns, listed, len(row), row)


@cache
def _own_order(instance: Instance) -> tuple[object, ...]:
    disk = instance.disk
    return (
        instance.stage,
        instance.stopped,
        instance.serves,
        instance.side,
        instance.young,
        instance.leaving,
        instance.let_go,
        disk.has_data,
        instance.etcd,
        disk.has_marker,
        instance.record.epoch if instance.record else 0,
        len(instance.rows),
        instance.wipes,
        instance.watch.until if instance.watch else -1.0,
    )
