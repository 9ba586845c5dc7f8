"""What an instance of the restore model does: look, join under the lease, or judge, claim and restore."""

from __future__ import annotations

from collections.abc import Iterator

from coordination import claims, lease_watch, member_writes, node_leases, termination
from coordination.backups import Backup
from coordination.claims import FROM_NOTHING
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import lease_item
from coordination.node_leases import LeaseName, node_lease
from coordination.outcomes import Known, Reading
from coordination.record import ClusterRecord, Phase
from tests.model import leaving
from tests.model.explorer import Step
from tests.model.records import LEASE_SECONDS, own_row, record_of, rows_of
from tests.model.region import Instance, Region, applied
from tests.model.table import get
from userdata.boot import restore, snapshot
from userdata.boot.actions import AbandonLaunch, Action, EvaluateRestore, GrantRelease, Join, Resume, Start, TakeClaim
from userdata.boot.restore import Evidence, RestoreRules
from userdata.boot.snapshot import PeerAnswer, Reach, Snapshot
from userdata.host.etcd_disk import DataOwner, Disk

NEVER_OVER_THE_LIVING = "nothing is restored while the members of before could still serve"
NEVER_OLD = "data of an epoch that was passed is never started"
NEVER_FOREIGN = "nobody joins an etcd cluster other than the record's"
NEVER_EMPTY = "a cluster that had a second member is never followed by an empty one"

NOW = 1_800_000_000
OLD = NOW - 3 * 3600
_YOUNG = NOW - 60
_NOT_FOUND_SINCE = NOW - 120


def sees(region: Region, instance: Instance, record: Reading[ClusterRecord | None]) -> Snapshot:
    """What an instance sees when its read of the record ends so."""
    known = record.value if isinstance(record, Known) else None
    etcd = known.etcd_cluster_id if known else ""
    return Snapshot(
        node=instance.node,
        disk=instance.disk,
        record=record,
        row=Known(next((row for row in rows_of(region.table) if row.instance_id == instance.name), None)),
        owner_gone=Known(known is not None and known.owner != "" and _is_gone(region, known.owner, None)),
        owner_still=instance.watch is not None and instance.watch.is_still(LEASE_SECONDS),
        reach=snapshot.reach(_answers(region, instance), etcd),
    )


def look(region: Region, instance: Instance, action: Action) -> Iterator[Step[Region]]:
    """What follows from a look. A running member goes on looking, which is how its agent sees a newer epoch."""
    name = instance.name
    match action:
        case Resume() | Start() if not instance.serves:
            record = record_of(region.table)
            identity = instance.disk.identity
            marked = Disk(True, identity, isinstance(action, Resume) or instance.disk.has_marker)
            started = region.where(instance, serves=True, disk=marked, watch=None)
            passed = identity is None or record is None or record.epoch > identity.epoch
            yield Step(f"{name} starts what it has", started.with_harm(NEVER_OLD) if passed else started)
        case AbandonLaunch():
            yield Step(f"{name} stops, gives up its place and is terminated", region.replace_instance(instance))
        case TakeClaim(claim=claim, wipe=wipe):
            about = instance.forgetful()._replace(stage="claim", claim=claim, wipes=wipe)
            yield Step(f"{name} is about to claim epoch {claim.record.epoch}", region.replace_instance(instance, about))
        case Join(record=record):
            yield Step(f"{name} is about to join", region.where(instance, stage="lease", record=record, watch=None))
        case EvaluateRestore(record=record):
            yield Step(f"{name} finds nobody", region.where(instance, stage="rows", record=record, watch=None))
        case _ if not instance.serves:
            yield from _watching(region, instance)


def steps(region: Region, instance: Instance, backup: Backup | None, rules: RestoreRules) -> Iterator[Step[Region]]:
    """The next step of an instance that has begun something."""
    match instance.stage:
        case "lease":
            yield _take_lease(region, instance)
        case "row":
            yield _write_row(region, instance)
        case "add":
            yield from _add(region, instance)
        case "promoted":
            yield _settle(region, instance)
        case "rows":
            yield Step(
                f"{instance.name} reads the rows", region.where(instance, stage="judge", rows=rows_of(region.table))
            )
        case "judge":
            yield _judge(region, instance, backup, rules)
        case "claim":
            yield _claim(region, instance)
        case "restore":
            yield _restore(region, instance)
        case "ready":
            yield _ready(region, instance)


def _take_lease(region: Region, instance: Instance) -> Step[Region]:
    """The lease may be taken at any time: that is more than watching it for long enough would allow."""
    item = get(region.table, lease_item(LeaseName.JOIN))
    holding = node_leases.take(LeaseName.JOIN, node_lease(item) if item else None, instance.name)
    after = applied(region, holding.write)
    assert after is not None
    return Step(f"{instance.name} takes the lease", after.where(instance, stage="row", lease=holding.lease))


def _write_row(region: Region, instance: Instance) -> Step[Region]:
    assert instance.record is not None
    assert instance.lease is not None
    row = Member(instance.name, instance.record.epoch, MemberState.JOINING, created_at=_YOUNG)
    after = applied(
        region, member_writes.joining_row(instance.record, row, instance.lease, own_row(region.table, instance.name))
    )
    if after is None:
        back = region.replace_instance(instance, instance.forgetful())
        return Step(f"{instance.name}'s row is refused", back)
    return Step(f"{instance.name} writes its row", after.where(instance, stage="add"))


def _add(region: Region, instance: Instance) -> Iterator[Step[Region]]:
    """`kubeadm join` adds and promotes; before it the gate is looked at again."""
    assert instance.record is not None
    joined = False
    for etcd in {answer.etcd_cluster_id for answer in _answers(region, instance) if answer.has_quorum}:
        if snapshot.reach([PeerAnswer(etcd, True)], instance.record.etcd_cluster_id) is Reach.QUORUM:
            joined = True
            now = record_of(region.table)
            disk = Disk(True, DataOwner(instance.node, instance.record.epoch, etcd))
            listed = region.list_members(etcd, tuple({*region.listed(etcd), instance.name}))
            after = listed.where(instance, stage="promoted", disk=disk, serves=True)
            foreign = now is None or now.etcd_cluster_id != etcd
            yield Step(f"{instance.name} is added to {etcd}", after.with_harm(NEVER_FOREIGN) if foreign else after)
    if not joined:
        back = region.replace_instance(instance, instance.forgetful())
        yield Step(f"{instance.name} finds no quorum to join", back)


def _settle(region: Region, instance: Instance) -> Step[Region]:
    assert instance.record is not None
    assert instance.lease is not None
    row = Member(instance.name, instance.record.epoch, MemberState.JOINING)
    voter = applied(region, member_writes.voter_row(row, "")) or region
    released = applied(voter, node_leases.release(instance.lease)) or voter
    marked = Disk(True, instance.disk.identity, True)
    after = released.replace_instance(instance, instance.forgetful()._replace(disk=marked))
    return Step(f"{instance.name} is a member", after)


def _judge(region: Region, instance: Instance, backup: Backup | None, rules: RestoreRules) -> Step[Region]:
    assert instance.record is not None
    gone = frozenset(row.instance_id for row in instance.rows if _is_gone(region, row.instance_id, row))
    evidence = Evidence(
        node=instance.node,
        record=instance.record,
        rows=Known(instance.rows),
        gone=Known(gone),
        instances=Known(tuple(_in_group(region, each) for each in region.instances)),
        booted=Known(frozenset(each.name for each in region.instances)),
        # It may be heard of at no look of a whole lease, although it serves.
        silent=True,
        backup=Known(backup),
        approval=Known(None),
        now=NOW,
    )
    verdict = restore.decide_restore(evidence, rules)
    if isinstance(verdict, TakeClaim):
        about = instance.forgetful()._replace(stage="claim", claim=verdict.claim, wipes=verdict.wipe)
        return Step(f"{instance.name} sees that all are gone", region.replace_instance(instance, about))
    if isinstance(verdict, GrantRelease):
        told = applied(region, leaving.said(verdict.grant))
        assert told is not None
        back = told.replace_instance(instance, instance.forgetful())
        return Step(f"{instance.name} says that {verdict.grant.instance_id} need not be held", back)
    back = region.replace_instance(instance, instance.forgetful())
    return Step(f"{instance.name} may not restore", back)


def _in_group(region: Region, instance: Instance) -> GroupInstance:
    member = any(instance.name in names for _, names in region.members)
    return leaving.in_group(instance.name, leaving=instance.leaving, member=member)


def _claim(region: Region, instance: Instance) -> Step[Region]:
    assert instance.claim is not None
    before, claimed = record_of(region.table), instance.claim.record
    after = applied(region, instance.claim.write)
    if after is None:
        return Step(f"{instance.name}'s claim is refused", region.replace_instance(instance, instance.forgetful()))
    if before is not None and before.phase is Phase.READY:
        if region.could_serve(before.etcd_cluster_id):
            after = after.with_harm(NEVER_OVER_THE_LIVING)
        ever = [row for row in rows_of(region.table) if row.epoch == before.epoch]
        if claimed.restore_from == FROM_NOTHING and (len(ever) > 1 or before.etcd_cluster_id in region.joined):
            after = after.with_harm(NEVER_EMPTY)
    disk = Disk() if instance.wipes else instance.disk
    restorer = instance.forgetful()._replace(stage="restore", record=claimed, disk=disk)
    return Step(f"{instance.name} claims epoch {claimed.epoch}", after.replace_instance(instance, restorer))


def _restore(region: Region, instance: Instance) -> Step[Region]:
    assert instance.record is not None
    epoch = instance.record.epoch
    disk = Disk(True, DataOwner(instance.node, epoch, f"etcd{epoch}"))
    return Step(f"{instance.name} restores epoch {epoch}", region.where(instance, stage="ready", disk=disk))


def _ready(region: Region, instance: Instance) -> Step[Region]:
    assert instance.record is not None
    row = Member(instance.name, instance.record.epoch, MemberState.VOTER, created_at=_YOUNG)
    after = applied(region, claims.ready(instance.record, instance.etcd, "", row))
    if after is None:
        gone = region.replace_instance(instance)
        return Step(f"{instance.name}'s ready is refused, it gives up its place", gone)
    serving = after.list_members(instance.etcd, (instance.name,))
    member = instance.forgetful()._replace(serves=True)
    return Step(
        f"{instance.name} makes epoch {instance.record.epoch} ready", serving.replace_instance(instance, member)
    )


def _watching(region: Region, instance: Instance) -> Iterator[Step[Region]]:
    record = record_of(region.table)
    if record is None or record.phase is not Phase.RESTORING or record.owner == instance.name:
        return
    now = 0.0 if instance.watch is None else LEASE_SECONDS
    watch = lease_watch.observe(instance.watch, (record.epoch, record.owner, record.counter), now, now)
    if watch != instance.watch:
        yield Step(f"{instance.name} watches the restorer", region.where(instance, watch=watch))


def _answers(region: Region, instance: Instance) -> list[PeerAnswer]:
    """What the serving members on its side of the network say."""
    return [
        PeerAnswer(other.etcd, region.has_quorum(other.etcd, other.side))
        for other in region.instances
        if other.name != instance.name and other.serves and other.side == instance.side
    ]


def _is_gone(region: Region, instance_id: str, row: Member | None) -> bool:
    found = next((each for each in region.instances if each.name == instance_id), None)
    state: str | None = termination.TERMINATED if found is None else "stopped" if found.stopped else "running"
    if found is not None and found.young:
        state = None
    return termination.is_gone(state, row.created_at if row else None, _NOT_FOUND_SINCE, NOW)
