"""From ports to a snapshot. What cannot be read, or not be understood, is Unknown in it and nothing else is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from coordination.conditions import Condition, condition
from coordination.fields import Malformed, parsed
from coordination.members import Member, member
from coordination.names import (
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    RELEASE_GRANT_ITEM_PREFIX,
    TABLE_KEY,
    TEARDOWN_ITEM,
)
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.record import cluster_record
from coordination.release_grants import ReleaseGrant, release_grant
from coordination.stacks import SETTLED_STATES
from coordination.teardowns import Teardown, teardown
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.snapshot import Rows, Snapshot

_READ = (CLUSTER_ITEM, TEARDOWN_ITEM, MEMBER_ITEM_PREFIX, CONDITION_ITEM_PREFIX, RELEASE_GRANT_ITEM_PREFIX)

Parsed = TypeVar("Parsed")


def gather(ports: Ports, settings: Settings, lease: Reading[int], request: Teardown | None) -> Snapshot:
    """Read everything that a pass decides on. `request` is the delete request of this very event, if it is one."""
    # Instances first: a row that was written before its instance began to terminate is then always seen.
    instances = ports.groups.instances()
    rows = _rows(ports.table.items(_READ))
    root_status = ports.root.status()
    return Snapshot(
        cluster_id=settings.cluster_id,
        now=int(ports.clock()),
        lease=lease,
        instances=instances,
        rows=rows,
        root_status=root_status,
        table_protected=ports.table.deletion_protection() if _may_need_protection(root_status) else None,
        request=request,
    )


def unknowns(snapshot: Snapshot) -> list[Unknown]:
    """What could not be read or understood."""
    readings: list[Reading[object] | None] = [
        snapshot.lease,
        snapshot.instances,
        snapshot.rows,
        snapshot.root_status,
        snapshot.table_protected,
    ]
    if isinstance(snapshot.rows, Known):
        rows = snapshot.rows.value
        readings += [rows.record, rows.teardown, *rows.members.values()]
    return [reading for reading in readings if isinstance(reading, Unknown)]


def _rows(reading: Reading[tuple[Item, ...]]) -> Reading[Rows]:
    if isinstance(reading, Unknown):
        return reading
    by_key = {str(item[TABLE_KEY]): item for item in reading.value}
    members: dict[str, Reading[Member]] = {}
    conditions: dict[str, Condition] = {}
    release_grants: dict[str, ReleaseGrant] = {}
    for key, item in by_key.items():
        if key.startswith(MEMBER_ITEM_PREFIX):
            members[key.removeprefix(MEMBER_ITEM_PREFIX)] = _parsed(member, item)
        if key.startswith(CONDITION_ITEM_PREFIX):
            stored = _parsed(condition, item)
            # A condition is a note for people. One that cannot be read does not matter to any decision.
            if isinstance(stored, Known):
                conditions[stored.value.name] = stored.value
        if key.startswith(RELEASE_GRANT_ITEM_PREFIX):
            said = _parsed(release_grant, item)
            if isinstance(said, Known):
                release_grants[said.value.instance_id] = said.value
    return Known(
        Rows(
            record=parsed(Known(by_key.get(CLUSTER_ITEM)), cluster_record),
            members=members,
            conditions=conditions,
            teardown=parsed(Known(by_key.get(TEARDOWN_ITEM)), teardown),
            release_grants=release_grants,
        )
    )


def _parsed(parse: Callable[[Item], Parsed], item: Item) -> Reading[Parsed]:
    try:
        return Known(parse(item))
    except Malformed as error:
        return Unknown(str(error))


def _may_need_protection(root_status: Reading[str]) -> bool:
    """Whether the table's protection is worth a call."""
    return isinstance(root_status, Known) and root_status.value in SETTLED_STATES
