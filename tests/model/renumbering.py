"""Row versions and fences only ever grow and are only compared with what is stored now: two numbers stand for them all.

Whoever saw the stored value holds CURRENT, whoever saw one before it holds STALE, and no value comes back. Without
this, every try to join would make a new state.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from coordination.claims import Claim
from coordination.names import CLUSTER_ITEM, RELEASE_GRANT_ITEM_PREFIX, lease_item
from coordination.node_leases import LeaseName, NodeLease
from coordination.record import ClusterRecord
from coordination.writes import Fields
from tests.model.table import Table

STALE, CURRENT = 1, 2
_LEASE = lease_item(LeaseName.JOIN)


@cache
def numbers(table: Table) -> tuple[int, int]:
    """The row version and the fence of `lease#join` that are stored."""
    stored = {key: dict(fields) for key, fields in table}
    return int(stored[CLUSTER_ITEM]["RowVersion"] or 0), int(stored.get(_LEASE, {}).get("Fence") or 0)


@cache
def table_renumbered(table: Table) -> Table:
    """The table with these two in it. The lease's counter goes with its fence: nobody renews it here."""
    row_version, _ = numbers(table)
    changes = {CLUSTER_ITEM: {"RowVersion": CURRENT}, _LEASE: {"Fence": CURRENT, "Counter": CURRENT}}
    for key, fields in table:
        if key.startswith(RELEASE_GRANT_ITEM_PREFIX):
            changes[key] = {"RowVersion": CURRENT if dict(fields)["RowVersion"] == row_version else STALE}
    return tuple((key, _with(fields, changes.get(key, {}))) for key, fields in table)


@cache
def record_renumbered(record: ClusterRecord | None, row_version: int) -> ClusterRecord | None:
    """A record as somebody saw it."""
    return record and replace(record, row_version=CURRENT if record.row_version == row_version else STALE)


@cache
def claim_renumbered(claim: Claim | None, row_version: int) -> Claim | None:
    """A claim that somebody is about to make."""
    if claim is None:
        return None
    record = record_renumbered(claim.record, row_version)
    assert record is not None
    expected = _with(claim.write.expected, {"RowVersion": record.row_version})
    return Claim(replace(claim.write, expected=expected), record)


@cache
def lease_renumbered(lease: NodeLease | None, fence: int) -> NodeLease | None:
    """The lease as somebody took it."""
    number = CURRENT if lease and lease.fence == fence else STALE
    return lease and replace(lease, fence=number, counter=number)


def _with(fields: Fields, changes: dict[str, int]) -> Fields:
    return tuple((name, changes.get(name, value)) for name, value in fields)
