"""Snapshots of a booting node: a fresh instance of a healthy cluster, but for what a test changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coordination.members import Member, MemberState
from coordination.outcomes import Known, Unknown
from coordination.record import ClusterRecord, Phase
from userdata.boot.snapshot import Reach, Snapshot
from userdata.host.etcd_disk import ClusterNode, DataOwner, Disk

CLUSTER = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo/0b1c"
ME = ClusterNode(CLUSTER, "i-me")
ETCD = "cdf818194e3a8c32"
BROKEN = Unknown("broken by the test")


def record(phase: Phase = Phase.READY, epoch: int = 2, **changes: Any) -> ClusterRecord:
    """The record as the protocol writes it in this phase; i-other is its owner."""
    source = "backup-7" if phase is Phase.RESTORING else ""
    etcd = ETCD if phase in (Phase.READY, Phase.RESTORING) else ""
    return replace(ClusterRecord(CLUSTER, phase, epoch, "i-other", 7, 1, etcd, 3, source), **changes)


def member(instance_id: str = ME.instance_id, state: str = "voter", epoch: int = 2) -> Member:
    """A member's row."""
    return Member(instance_id, epoch, MemberState(state))


def disk(etcd: str = ETCD, epoch: int = 2, node: ClusterNode = ME, marker: bool = True) -> Disk:
    """A disk with whole etcd data."""
    return Disk(has_data=True, identity=DataOwner(node, epoch, etcd), has_marker=marker)


EMPTY = Disk()
HALF = Disk(has_data=True)


def look(
    seen: ClusterRecord | Unknown | None = None,
    on: Disk = EMPTY,
    row: Member | Unknown | None = None,
    owner_gone: bool | Unknown = False,
    owner_still: bool = False,
    reach: Reach = Reach.NOBODY,
) -> Snapshot:
    """What i-me sees."""
    return Snapshot(
        node=ME,
        disk=on,
        record=seen if isinstance(seen, Unknown) else Known(seen),
        row=row if isinstance(row, Unknown) else Known(row),
        owner_gone=owner_gone if isinstance(owner_gone, Unknown) else Known(owner_gone),
        owner_still=owner_still,
        reach=reach,
    )
