"""Gathers what a boot decides on. The order of the reads is part of the rules: the record comes first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from coordination.approvals import Approval
from coordination.approvals import approval as restore_approval
from coordination.boots import boot
from coordination.fields import parsed
from coordination.instances import GroupInstance
from coordination.lease_watch import LeaseWatch, observe
from coordination.members import Member, member
from coordination.names import (
    CLUSTER_ITEM,
    CONTROL_PLANE_ROLE,
    MEMBER_ITEM_PREFIX,
    RESTORE_APPROVAL_ITEM,
    boot_item,
    member_item,
)
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.rows import all_of, read
from coordination.termination import is_gone
from userdata.boot.context import Context, now, seconds_since_1970
from userdata.boot.etcd_peers import addresses
from userdata.boot.keys import Keys
from userdata.boot.ports import EtcdPeers
from userdata.boot.restore import Evidence, required_terminated
from userdata.boot.snapshot import Reach, Snapshot, reach
from userdata.host.etcd_disk import Disk
from userdata.pki.outcomes import Incomplete

Parsed = TypeVar("Parsed")
_UNASKED = "it was not asked for"


class Gatherer:
    """Looks for one node. What it saw before is part of a look: a lease is judged by watching it."""

    def __init__(self, context: Context, keys: Keys, etcd_peers: EtcdPeers) -> None:
        self._context = context
        self._keys = keys
        self._etcd_peers = etcd_peers
        self._watch: LeaseWatch | None = None
        self._missing_since: dict[str, int] = {}
        self._silence: LeaseWatch | None = None

    def record(self) -> Reading[ClusterRecord | None]:
        """The record; every read watches its owner."""
        began = time.monotonic()
        reading = self._parsed(CLUSTER_ITEM, cluster_record)
        if isinstance(reading, Known) and reading.value is not None:
            seen = reading.value
            self._watch = observe(self._watch, (seen.epoch, seen.owner, seen.counter), began, time.monotonic())
        return reading

    def look(self) -> Snapshot:
        """One look at everything that the record's phase makes matter."""
        context = self._context
        reading = self.record()
        disk = context.disk.read()
        row: Reading[Member | None] = Unknown(_UNASKED)
        owner_gone: Reading[bool] = Unknown(_UNASKED)
        reached = Reach.NOBODY
        record = reading.value if isinstance(reading, Known) else None
        if record is not None and record.phase is Phase.READY:
            row = self.own_row()
            reached = self._reach(record, disk)
        elif record is not None and record.phase in (Phase.CLAIMED, Phase.RESTORING):
            owner_gone = self._owner_gone(record)
        in_vain = record is not None and record.phase is Phase.READY and not disk.has_data and reached is Reach.NOBODY
        self._watch_unreachable(record if in_vain else None)
        still = self._watch is not None and self._watch.is_still(context.image.pace.leases.lease)
        return Snapshot(context.node, disk, reading, row, owner_gone, still, reached, context.kubernetes_version)

    def own_row(self) -> Reading[Member | None]:
        """This instance's row."""
        return self._parsed(member_item(self._context.instance_id), member)

    def rows(self) -> Reading[tuple[Member, ...]]:
        """Every member's row; one that cannot be understood may be of any member, so none is ignored.

        A scan, for nobody knows which members there are before it has read them.
        """
        reading = read(self._context.table, [MEMBER_ITEM_PREFIX])
        return reading if isinstance(reading, Unknown) else all_of(reading.value.members)

    def evidence(self, record: ClusterRecord) -> Evidence:
        """What a restore is judged by, after `record` was read: the rows, then EC2, then the groups."""
        context = self._context
        rows = self.rows()
        gone: Reading[frozenset[str]] = Unknown("the rows are unknown")
        if isinstance(rows, Known):
            wanted = required_terminated(rows.value, record.epoch, context.instance_id)
            gone = self._gone({row.instance_id: row.created_at for row in rows.value if row.instance_id in wanted})
        approved: Reading[Approval | None] = self._parsed(RESTORE_APPROVAL_ITEM, restore_approval)
        instances = context.groups.instances()
        return Evidence(
            context.node,
            record,
            rows,
            gone,
            instances=instances,
            booted=instances if isinstance(instances, Unknown) else self._booted(instances.value),
            silent=self._silence is not None and self._silence.is_still(context.image.pace.leases.lease),
            backup=context.backups.newest(),
            approval=approved,
            now=seconds_since_1970(),
        )

    def _watch_unreachable(self, unreachable: ClusterRecord | None) -> None:
        """Take note of a record whose members were unreachable: one look may miss one that is only restarted."""
        now = time.monotonic()
        state = None if unreachable is None else (unreachable.epoch, unreachable.row_version)
        self._silence = None if state is None else observe(self._silence, state, now, now)

    def _reach(self, record: ClusterRecord, disk: Disk) -> Reach:
        """Whether members answer; a node with data decides without asking, for when all reboot nobody can answer."""
        if disk.has_data:
            return Reach.NOBODY
        pki = self._keys.of(record.pki_epoch)
        rows = self.rows()
        if isinstance(pki, Incomplete | Unknown) or isinstance(rows, Unknown):
            return Reach.UNASKED
        self._etcd_peers.introduce(pki.value, now())
        asked = addresses(rows.value, record.epoch, without=self._context.instance_id)
        etcd = record.etcd_cluster_id
        return reach(self._etcd_peers.answers(asked, lambda answer: reach([answer], etcd) is Reach.QUORUM), etcd)

    def _owner_gone(self, record: ClusterRecord) -> Reading[bool]:
        owner = record.owner
        if not owner or owner == self._context.instance_id:
            return Known(False)
        row = self._context.table.get(self._boot_item(owner))
        if isinstance(row, Unknown):
            return row
        # Of a row that cannot be understood nobody knows how old it is: then only EC2's own word ends the owner.
        told = parsed(row, boot)
        started = told.value.started_at if isinstance(told, Known) and told.value is not None else None
        gone = self._gone({owner: started})
        return gone if isinstance(gone, Unknown) else Known(owner in gone.value)

    def _booted(self, instances: Iterable[GroupInstance]) -> Reading[frozenset[str]]:
        """Which instances of the slots have a boot row, whatever it says; workers' are not looked at."""
        found: set[str] = set()
        for instance in instances:
            if instance.role != CONTROL_PLANE_ROLE:
                continue
            row = self._context.table.get(self._boot_item(instance.instance_id))
            if isinstance(row, Unknown):
                return row
            found |= {instance.instance_id} if row.value is not None else set()
        return Known(frozenset(found))

    def _boot_item(self, instance_id: str) -> str:
        """The key of an instance's boot row: ARNs of one cluster differ in the instance alone."""
        identity = self._context.identity
        return boot_item(identity.arn.removesuffix(identity.instance_id) + instance_id)

    def _gone(self, known_since: dict[str, int | None]) -> Reading[frozenset[str]]:
        states = self._context.groups.states(known_since)
        if isinstance(states, Unknown):
            return states
        moment = seconds_since_1970()
        for instance_id, state in states.value.items():
            if state is None:
                self._missing_since.setdefault(instance_id, moment)
            else:
                self._missing_since.pop(instance_id, None)
        return Known(
            frozenset(
                instance_id
                for instance_id, state in states.value.items()
                if is_gone(state, known_since[instance_id], self._missing_since.get(instance_id), moment)
            )
        )

    def _parsed(self, item_id: str, parse: Callable[[Item], Parsed]) -> Reading[Parsed | None]:
        return parsed(self._context.table.get(item_id), parse)
