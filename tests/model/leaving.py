"""Leaving under the terminating hook, as both models have it: what the function decides about a held instance.

The function's own functions decide; the reads of one pass are one step, and in the restore model what it decided is
carried out in another one.
"""

from __future__ import annotations

from coordination.instances import GroupInstance
from coordination.names import CONTROL_PLANE_ROLE, RELEASE_GRANT_ITEM_PREFIX
from coordination.outcomes import Known
from coordination.release_grants import ReleaseGrant, release_grant
from coordination.rows import Rows
from coordination.writes import Update, update
from functions.reconcile import decide
from tests.model.records import CLUSTER, record_of, rows_of
from tests.model.table import Table, items

_WHOEVER = "whoever looked"


def in_group(name: str, *, leaving: bool, member: bool) -> GroupInstance:
    """An instance as its group has it: only a member completes its launch hook."""
    state = "Terminating:Wait" if leaving else "InService" if member else "Pending:Wait"
    return GroupInstance(name, "slot", CONTROL_PLANE_ROLE, state)


def said(found: ReleaseGrant) -> Update:
    """The write of a release grant. Who looked decides nothing, so that states are not told apart by it."""
    return update(found.item_id, {**found.fields(), "By": _WHOEVER}, {})


def may_go(table: Table, name: str) -> bool:
    """Whether a pass of the function lets an instance go that a terminating hook holds."""
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
    none = decide.may_be_member(held, rows, CLUSTER) is None
    return none or decide.release_granted(held, rows, CLUSTER) is not None
