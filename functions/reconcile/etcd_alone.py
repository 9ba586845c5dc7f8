"""Where etcd's quorum alone decides about the removal of a voter that answers, and not a majority of the slots. Pure.

A person has approved it; or the voter holds the room of its own successor, and can be held no longer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from coordination.approvals import Approval
from coordination.members import Member, MemberState
from coordination.outcomes import Reading, Unknown
from functions.reconcile.places import Place

HOOK_SECONDS = 48 * 3600
"""For so long Auto Scaling holds an instance at a hook at most; its heartbeats (generator/compute.py) reach that far.
GlobalTimeout in https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html."""
LAST_SECONDS = 3600
"""Of these the last, in which a voter leaves that holds the room of its successor: a drain and a removal fit in."""


def decides(row: Member, place: Place, approved: Approval | None, no_room: Collection[str], now: int) -> bool:
    """Whether it does, of a member whose membership has to end.

    `no_room` are the slots whose last launch failed for want of room. A retained instance has no deadline.
    """
    if approved is not None and approved.covers(row.epoch, [row.instance_id]):
        return True
    held_since = row.hook_since if place is Place.LEAVES and row.slot in no_room else None
    return held_since is not None and now - held_since >= HOOK_SECONDS - LAST_SECONDS


def is_void(given: Approval, rows: Mapping[str, Reading[Member]], epoch: int) -> bool:
    """Whether an approval of a removal can allow nothing any more: its epoch is over, or its instance is no member.

    It never could where it names several: each removal is judged by what the one before has left.
    """
    if given.epoch != epoch or len(given.instance_ids) != 1:
        return True
    (name,) = given.instance_ids
    row = rows.get(name)
    if row is None or isinstance(row, Unknown):
        return row is None
    return row.value.epoch != epoch or row.value.state is MemberState.REMOVED
