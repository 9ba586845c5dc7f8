"""The restore model: members are lost, stopped or cut off, others join, and whoever finds nobody may restore.

The reads of a restore are steps of their own, so anything may come between them: the record, the rows, EC2, the claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial

from coordination import retention
from coordination.backups import Backup
from coordination.members import Member, MemberState
from coordination.names import CLUSTER_ITEM, member_item
from coordination.outcomes import Known, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.writes import Update, update
from tests.model import instance_steps, leaving
from tests.model.explorer import Step
from tests.model.instance_steps import (
    NEVER_EMPTY,
    NEVER_FOREIGN,
    NEVER_OLD,
    NEVER_OVER_THE_LIVING,
    NOW,
    OLD,
    look,
    sees,
)
from tests.model.records import CLUSTER, FINAL, FORWARD, ONE_OWNER, record_of, rows_of
from tests.model.region import Budget, Instance, Region, applied, canonical, parts, whole
from tests.model.table import EMPTY, carry_out, without
from userdata.boot import decide as table_of_boot
from userdata.boot.restore import RestoreRules
from userdata.host.etcd_disk import ClusterNode, DataOwner, Disk

ONE_SERVES = "no two etcd clusters serve at once"
NOT_LET_GO = "no member is let go that another one has joined"
_HARMS = (NEVER_OVER_THE_LIVING, NEVER_OLD, NEVER_FOREIGN, NEVER_EMPTY, NOT_LET_GO, FORWARD, ONE_OWNER, FINAL)
_SLOTS = 3


class Restoring:
    """The model: `members` instances are epoch 1's members, with one backup that is young enough, or with none.

    `places` is how many instances there are at most; an update has one more than slots.
    """

    def __init__(self, budget: Budget, members: int = 3, backup: bool = True, places: int = _SLOTS) -> None:
        self._budget = budget
        self._members = members
        self._places = places
        self._backup = Backup("backup-1", NOW) if backup else None
        self._rules = RestoreRules(slots=_SLOTS, oldest_backup_seconds=3600)
        # Of this model alone: a test may have put another decision in the place of the project's.
        self._decide = cache(lambda seen: table_of_boot.decide(seen))

    @property
    def invariants(self) -> Mapping[str, Callable[[Region], bool]]:
        """What must hold in every state."""
        harms = {what: partial(_harmless, what) for what in _HARMS}
        return {ONE_SERVES: _one_serves, **harms}

    def initial(self) -> Region:
        """A cluster at rest."""
        names = tuple(f"i-{place + 1}" for place in range(self._members))
        record = ClusterRecord(CLUSTER, Phase.READY, 1, "", 1, 1, "etcd1", self._members)
        table = carry_out(EMPTY, update(CLUSTER_ITEM, record.fields(), {}))
        for name in names:
            row = Member(name, 1, MemberState.VOTER, created_at=OLD)
            table = carry_out(table or EMPTY, update(row.item_id, row.fields(), {}))
        assert table is not None
        instances = tuple(
            Instance(name, disk=Disk(True, DataOwner(ClusterNode(CLUSTER, name), 1, "etcd1"), True), serves=True)
            for name in names
        )
        return canonical(Region(self._budget, instances, table, ()).list_members("etcd1", names))

    parts, whole = staticmethod(parts), staticmethod(whole)

    def is_good(self, region: Region) -> bool:
        """It serves, it is deleted, or a condition names the instances for which a restore waits."""
        record = record_of(region.table)
        if record is None or record.phase is Phase.DELETING:
            return True
        if record.phase is Phase.READY:
            if any(region.has_quorum(record.etcd_cluster_id, side) for side in (0, 1)):
                return True
            ever = [row for row in rows_of(region.table) if row.epoch == record.epoch]
            present = {row.instance_id for row in ever if _counts(row, record)}
            # One that was alone and leaves waits for nobody.
            if any(each.name in present and not (each.leaving and len(ever) == 1) for each in region.instances):
                return True
            if self._backup is None and len(ever) > 1:
                return True
        # The end of what is modelled, not of the protocol.
        return not region.budget.launches and all(each.leaving for each in region.instances)

    def steps(self, region: Region) -> Iterator[Step[Region]]:
        """Everything that can happen next."""
        for step in self._raw_steps(region):
            yield step._replace(after=canonical(step.after))

    def _raw_steps(self, region: Region) -> Iterator[Step[Region]]:
        yield from _environment(region, self._places)
        for instance in region.instances:
            yield from _faults(region, instance)
            yield from _held(region, instance)
            if instance.stopped:
                yield Step(f"{instance.name} is started", region.where(instance, stopped=False), fault=True)
                if not any(instance.name in names for _, names in region.members):
                    # Never in service: only a member completes its launch hook.
                    yield Step(f"{instance.name}'s launch hook runs out", region.replace_instance(instance))
                continue
            if instance.young:
                yield Step(f"EC2 shows {instance.name}", region.where(instance, young=False))
            if instance.stage == "look":
                yield from self._look(region, instance)
            else:
                yield from instance_steps.steps(region, instance, self._backup, self._rules)
            if instance.serves:
                yield from _removals(region, instance)
                yield from _deletions(region, instance)

    def _look(self, region: Region, instance: Instance) -> Iterator[Step[Region]]:
        yield from look(region, instance, self._decide(sees(region, instance, Known(record_of(region.table)))))
        if region.budget.blind and not instance.serves and instance.disk.has_data:
            blind = self._decide(sees(region, instance, Unknown("no table")))
            for step in look(region.spend("blind"), instance, blind):
                yield step._replace(label=f"{step.label}, blindly", fault=True)


def _environment(region: Region, places: int) -> Iterator[Step[Region]]:
    record = record_of(region.table)
    assert record is not None
    if region.budget.deletions:
        deleted = applied(region.spend("deletions"), update(CLUSTER_ITEM, {"Phase": Phase.DELETING.value}, {}))
        assert deleted is not None
        yield Step("the cluster is deleted", deleted, fault=True)
    parted = any(each.side for each in region.instances)
    if parted:
        healed = tuple(each._replace(side=0) for each in region.instances)
        yield Step("the network heals", region._replace(instances=healed), fault=True)
    elif region.budget.cuts:
        for instance in region.instances:
            yield Step(f"{instance.name} is cut off", region.spend("cuts").where(instance, side=1), fault=True)
    if region.budget.launches and len(region.instances) < places and record.phase is not Phase.DELETING:
        for side in {each.side for each in region.instances} or {0}:
            launched = region.spend("launches")
            fresh = Instance("i-new", side=side, young=True)
            yield Step("an instance is launched", launched._replace(instances=(*region.instances, fresh)))


def _faults(region: Region, instance: Instance) -> Iterator[Step[Region]]:
    budget, name = region.budget, instance.name
    at_rest = instance.forgetful()._replace(serves=False)
    if budget.losses:
        yield Step(f"{name} is terminated", region.spend("losses").replace_instance(instance), fault=True)
        yield from _leaves(region, instance)
    if budget.stops and not instance.stopped and instance.disk.has_data:
        stopped = region.spend("stops").replace_instance(instance, at_rest._replace(stopped=True))
        yield Step(f"{name} is stopped", stopped, fault=True)
    if budget.reboots and not instance.stopped and (instance.serves or instance.stage != "look"):
        yield Step(f"{name} reboots", region.spend("reboots").replace_instance(instance, at_rest), fault=True)


def _held(region: Region, instance: Instance) -> Iterator[Step[Region]]:
    """An instance under its terminating hook: passes of the function look at it, and one lets it go at last."""
    name = instance.name
    listed = any(name in names for _, names in region.members)
    if region.budget.leavings and listed and not instance.leaving:
        yield Step(f"{name} is to be terminated", region.spend("leavings").where(instance, leaving=True), fault=True)
    if instance.let_go:
        without_it = region._replace(table=leaving.without_gone(region.table, name))
        yield Step(f"{name} is let go and terminated", without_it.replace_instance(instance))
    elif instance.leaving and (after := leaving.let_go(region.table, name)) is not None:
        seen = region._replace(table=after).where(instance, let_go=True)
        record, others = record_of(region.table), region.listed(instance.etcd)
        joined = name in others and len(others) > 1 and record is not None and record.etcd_cluster_id == instance.etcd
        yield Step(f"the function sees that {name} need not be held", seen.with_harm(NOT_LET_GO) if joined else seen)


def _leaves(region: Region, instance: Instance) -> Iterator[Step[Region]]:
    """A member terminates under its hook: it is removed from etcd first, where the others have quorum without it."""
    left = tuple(each for each in region.listed(instance.etcd) if each != instance.name)
    record = record_of(region.table)
    if record is None or instance.etcd != record.etcd_cluster_id or len(left) == len(region.listed(instance.etcd)):
        return
    if not region.has_quorum(instance.etcd, instance.side):
        return
    without = region.spend("losses").list_members(instance.etcd, left).replace_instance(instance)
    if without.has_quorum(instance.etcd, instance.side):
        removed = applied(without, _removed(instance.name, record))
        yield Step(f"{instance.name} is removed and terminated", removed or without, fault=True)


def _removed(name: str, record: ClusterRecord) -> Update:
    """The agent's write after a removal, as far as a restore sees it."""
    return update(member_item(name), {"State": MemberState.REMOVED.value}, {"Epoch": record.epoch})


def _removals(region: Region, agent: Instance) -> Iterator[Step[Region]]:
    """A serving member's agent removes dead members: first from etcd, then the row says so."""
    record = record_of(region.table)
    if record is None or record.etcd_cluster_id != agent.etcd or not region.has_quorum(agent.etcd, agent.side):
        return
    living = {each.name for each in region.instances}
    for name in region.listed(agent.etcd):
        if name not in living:
            left = tuple(each for each in region.listed(agent.etcd) if each != name)
            without = region.list_members(agent.etcd, left)
            yield Step(f"{agent.name} removes {name}", applied(without, _removed(name, record)) or without)


def _deletions(region: Region, agent: Instance) -> Iterator[Step[Region]]:
    """The agent of a serving member deletes the rows that nobody judges by any more, of instances that are gone.

    A day may pass between any two steps.
    """
    record = record_of(region.table)
    if record is None or record.etcd_cluster_id != agent.etcd or not region.has_quorum(agent.etcd, agent.side):
        return
    living = {each.name for each in region.instances}
    # One that says removed stays, as few as the project may ever keep.
    found = [row for row in retention.over(rows_of(region.table), record, kept=1) if row.instance_id not in living]
    if found:
        table = region.table
        for row in found:
            table = without(table, row.item_id)
        yield Step(f"{agent.name} deletes old rows", region._replace(table=table))


def _counts(row: Member, record: ClusterRecord) -> bool:
    return row.epoch == record.epoch and row.state is not MemberState.REMOVED


def _harmless(what: str, region: Region) -> bool:
    return what not in region.harm


def _one_serves(region: Region) -> bool:
    return len([etcd for etcd, _ in region.members if any(region.has_quorum(etcd, side) for side in (0, 1))]) <= 1
