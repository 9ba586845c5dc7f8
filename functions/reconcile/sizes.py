"""Which slots a pass starts: the one decision of this project that changes a group's size.

Slots' groups are created empty, and CloudFormation asks for their start once all of them are there. From then on a
slot without a desired instance is one whose size an update, or a person, has put back, and it is raised again. Nobody
writes MinSize, MaxSize, or a size below the one that was read: that would take back what CloudFormation has raised for
the update of a slot.
"""

from __future__ import annotations

from coordination.outcomes import Known, Unknown
from functions.reconcile import deletion
from functions.reconcile.actions import Action, StartSlot, Wait
from functions.reconcile.snapshot import Snapshot


def starts(snapshot: Snapshot) -> list[Action]:
    """Start every slot whose desired capacity was read as 0, once the cluster has been started, until its deletion.

    No lease is asked for: two calls that start the same slot do it no harm.
    """
    if deletion.stage(snapshot) is not None:
        return []
    if isinstance(snapshot.groups, Unknown) or isinstance(snapshot.rows, Unknown):
        return []
    empty = [group for group in snapshot.groups.value.slots if group.desired == 0]
    if not empty or snapshot.rows.value.start == Known(None):
        return []
    # What is unknown might be that the cluster is being deleted, or was never started.
    for doubt in (snapshot.root_status, snapshot.rows.value.record, snapshot.rows.value.start):
        if isinstance(doubt, Unknown):
            return [Wait(group.name, f"it has no instance, and {doubt.reason}") for group in empty]
    return [StartSlot(group, f"slot {group.slot} has a desired capacity of 0") for group in empty]
