"""From ports to a snapshot. What cannot be read, or not be understood, is Unknown in it and nothing else is lost."""

from __future__ import annotations

from collections.abc import Mapping

from coordination.instances import Groups
from coordination.members import MemberState
from coordination.names import (
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    RELEASE_GRANT_ITEM_PREFIX,
    REMOVAL_APPROVAL_ITEM,
    REPLACEMENT_ITEM_PREFIX,
    START_ITEM,
    TEARDOWN_ITEM,
    TIMER_ITEM_PREFIX,
)
from coordination.outcomes import Known, Reading, Unknown
from coordination.rows import Rows, read
from coordination.stacks import SETTLED_STATES
from coordination.teardowns import Teardown
from functions.reconcile import rolls, slots
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.snapshot import Snapshot

# A scan, for nobody knows which members, conditions, release grants, drains and requests there are. Boot rows are left
# out: an instance may write anything into its own, and no decision here is about them.
_READ = (
    CLUSTER_ITEM,
    START_ITEM,
    TEARDOWN_ITEM,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    REMOVAL_APPROVAL_ITEM,
    MEMBER_ITEM_PREFIX,
    CONDITION_ITEM_PREFIX,
    RELEASE_GRANT_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    TIMER_ITEM_PREFIX,
    REPLACEMENT_ITEM_PREFIX,
)


def gather(ports: Ports, settings: Settings, lease: Reading[int], request: Teardown | None) -> Snapshot:
    """Read everything that a pass decides on. `request` is the delete request of this very event, if it is one."""
    # Stacks, groups, rows, in this order. A stack that was at rest before its groups were read has lowered all that its
    # update had raised: two instances of a slot are then no update's. And a row that was written before its instance
    # began to terminate is always seen.
    root_status = ports.root.status()
    groups = ports.groups.groups()
    slot_states = _slot_states(ports, groups, root_status)
    if slot_states:
        groups = ports.groups.groups()
    rows = read(ports.table, _READ)
    now = int(ports.clock())
    return Snapshot(
        cluster_id=settings.cluster_id,
        table=settings.table,
        now=now,
        lease=lease,
        groups=groups,
        rows=rows,
        root_status=root_status,
        states=ports.groups.states(_whose_state_matters(groups, rows)),
        table_protected=ports.table.deletion_protection() if _may_need_protection(root_status) else None,
        slot_states=slot_states,
        launches={
            group.name: ports.groups.launches(group.name)
            for group in slots.whose_launches_matter(groups, rows, root_status, now)
        },
        request=request,
    )


def unknowns(snapshot: Snapshot) -> list[Unknown]:
    """What could not be read or understood, of all that decisions hang on.

    A condition is a note for people, and a release grant or an approval that cannot be understood allows nothing: none
    of them fails a pass.
    """
    readings: list[Reading[object] | None] = [
        snapshot.lease,
        snapshot.groups,
        snapshot.states,
        snapshot.rows,
        snapshot.root_status,
        snapshot.table_protected,
        *snapshot.slot_states.values(),
        *snapshot.launches.values(),
    ]
    if isinstance(snapshot.rows, Known):
        rows = snapshot.rows.value
        readings += [rows.record, rows.start, rows.teardown, rows.operation]
        readings += [*rows.members.values(), *rows.drains.values(), *rows.timers.values()]
    return [reading for reading in readings if isinstance(reading, Unknown)]


def _whose_state_matters(groups: Reading[Groups], rows: Reading[Rows]) -> frozenset[str]:
    """The instances that may be members and are in no group, or leave theirs: they may be gone already.

    Without the groups nothing is decided on them.
    """
    if isinstance(groups, Unknown) or isinstance(rows, Unknown):
        return frozenset()
    listed = {each.instance_id for each in groups.value.instances if not (each.is_leaving or each.is_retained)}
    record = rows.value.record.value if isinstance(rows.value.record, Known) else None
    return frozenset(
        name
        for name, row in (rows.value.members_of(record.epoch) if record is not None else {}).items()
        if name not in listed and row.state is not MemberState.REMOVED
    )


def _slot_states(ports: Ports, groups: Reading[Groups], root_status: Reading[str]) -> Mapping[str, Reading[str]]:
    """CloudFormation's words for slots' groups, by a call for each stack that holds one whose state matters."""
    wanted = rolls.whose_state_matters(groups, root_status)
    stacks = {each: ports.root.resource_states(each) for each in sorted({group.stack_id for group in wanted})}
    return {group.name: rolls.state_in(stacks[group.stack_id], group) for group in wanted}


def _may_need_protection(root_status: Reading[str]) -> bool:
    """Whether the table's protection is worth a call."""
    return isinstance(root_status, Known) and root_status.value in SETTLED_STATES
