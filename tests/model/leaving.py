"""Leaving under the terminating hook, as both models have it: what the function decides about a held instance.

The function's own functions decide; the reads of one pass are one step, and in the restore model what it decided is
carried out in another one.
"""

from __future__ import annotations

from coordination import member_writes
from coordination.instances import GroupInstance
from coordination.names import CONTROL_PLANE_ROLE, RELEASE_GRANT_ITEM_PREFIX, release_grant_item
from coordination.outcomes import Known
from coordination.record import Phase
from coordination.release_grants import ReleaseGrant, release_grant
from coordination.rows import Rows
from coordination.writes import Update, update
from functions.reconcile import decide
from tests.model.records import CLUSTER, own_row, record_of, rows_of
from tests.model.table import Table, carry_out, items, without

_WHOEVER = "whoever looked"


def in_group(name: str, *, leaving: bool, member: bool) -> GroupInstance:
    """An instance as its group has it: only a member completes its launch hook."""
    state = "Terminating:Wait" if leaving else "InService" if member else "Pending:Wait"
    return GroupInstance(name, "slot", CONTROL_PLANE_ROLE, state)


def said(found: ReleaseGrant) -> Update:
    """The write of a release grant. Who looked decides nothing, so that states are not told apart by it."""
    return update(found.item_id, {**found.fields(), "By": _WHOEVER}, {})


def without_gone(table: Table, name: str) -> Table:
    """The table once an instance is gone: what was written so that it may leave says nothing any more."""
    row = own_row(table, name)
    left = without(table, release_grant_item(name))
    return without(left, row.item_id) if row is not None and row.never_joined else left


def let_go(table: Table, name: str) -> Table | None:
    """The table after a pass of the function that lets an instance go, which a terminating hook holds; None: it stays.

    One without a row is barred from joining before its hook is completed.
    """
    rows = Rows(
        record=Known(record_of(table)),
        members={row.instance_id: Known(row) for row in rows_of(table)},
        conditions={},
        teardown=Known(None),
        release_grants={
            each.instance_id: Known(each) for each in map(release_grant, items(table, RELEASE_GRANT_ITEM_PREFIX))
        },
    )
    held = in_group(name, leaving=True, member=True)
    if decide.may_be_member(held, rows, CLUSTER) is not None:
        return table if decide.release_granted(held, rows, CLUSTER) is not None else None
    record = record_of(table)
    if name in rows.members or record is None or record.phase is not Phase.READY:
        return table
    return carry_out(table, member_writes.never_joined(record, name, 0))
