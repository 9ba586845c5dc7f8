"""Who excludes whom: joins, removals, restarts of static pods and backups. One table, and one pure function.

What the function allows it returns as checks of the others' items, for the transaction that begins the activity: so
nobody has to look before and hope. Where an activity only wants to go on, and could not, it has no item here, and is in
nobody's way: a removal that a rule holds has no operation, and a joiner before a closed gate has no lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeAlias

from coordination.names import OPERATION_ITEM, lease_item
from coordination.node_leases import LeaseName, NodeLease, as_seen
from coordination.outcomes import Reading, Unknown
from coordination.writes import Update, check


class Activity(StrEnum):
    """What nodes, and the function, do by turns."""

    JOIN = "join"
    """A control plane joins, from the take of `lease#join` until it is a voter."""
    REMOVAL = "removal"
    """A change of etcd's membership that has been asked for, from the request of `operation` until that is deleted."""
    CALL = "the call of a removal"
    """The request by which etcd removes the member. It is not stored, so nothing else can wait for it."""
    RESTART = "restart"
    """A node restarts its static pods, under `lease#restart`."""
    BACKUP = "backup"
    """A node backs etcd up, under `lease#backup`."""


class Need(Enum):
    """How free another activity's item has to be."""

    FREE = "free"
    """Absent or released; of an owner that was seen to stand still for a whole lease; an operation that has ended, and
    that no agent can act on any more."""
    ABSENT = "absent"
    """There is no operation at all, not even one that has ended: whoever carried it out may not know yet."""


NEEDS: Mapping[Activity, Mapping[Activity, Need]] = {
    # One that is past the gate goes on beside an operation that is asked for later.
    Activity.JOIN: {Activity.REMOVAL: Need.ABSENT, Activity.RESTART: Need.FREE},
    Activity.REMOVAL: {Activity.RESTART: Need.FREE},
    Activity.CALL: {Activity.BACKUP: Need.FREE},
    Activity.RESTART: {Activity.JOIN: Need.FREE, Activity.REMOVAL: Need.FREE, Activity.BACKUP: Need.FREE},
    Activity.BACKUP: {Activity.RESTART: Need.FREE},
}
"""What each needs of the others when it begins; what is not named here goes on beside it. Each excludes itself, by the
condition of the very write that begins it."""

LEASES: Mapping[Activity, LeaseName] = {
    Activity.JOIN: LeaseName.JOIN,
    Activity.RESTART: LeaseName.RESTART,
    Activity.BACKUP: LeaseName.BACKUP,
}
"""The lease that stands for an activity; a removal has the item `operation`."""


@dataclass(frozen=True)
class Free:
    """Nothing of it goes on for as long as `check` holds."""

    check: Update


@dataclass(frozen=True)
class Ended:
    """An operation stands there that has ended, and that nobody acts on for as long as `check` holds."""

    check: Update


@dataclass(frozen=True)
class Taken:
    """It goes on, or whether is unknown; `reason` says it for people."""

    reason: str


Standing: TypeAlias = Free | Ended | Taken
"""How an activity stands, as its item was read."""


def absent_or_released(activity: Activity) -> Free:
    """What whoever has not looked may go by, or cannot judge a lease: the function has no clock across its calls."""
    if activity is Activity.REMOVAL:
        return Free(check(OPERATION_ITEM, {"OperationId": None}))
    return Free(check(lease_item(LEASES[activity]), {"Owner": None}))


def of_lease(activity: Activity, reading: Reading[NodeLease | None], *, still: bool) -> Standing:
    """How an activity stands by its lease. `still`: its owner was seen to stand still for a whole lease."""
    if isinstance(reading, Unknown):
        return Taken(f"whether {lease_item(LEASES[activity])} is free is unknown: {reading.reason}")
    seen = reading.value
    if seen is None or not seen.owner:
        return absent_or_released(activity)
    return Free(as_seen(seen)) if still else Taken(f"{seen.owner} holds {seen.item_id}")


def checks(begins: Activity, seen: Mapping[Activity, Standing]) -> tuple[Update, ...] | Taken:
    """The checks that the transaction takes which begins an activity; or why it must not begin.

    `seen` is how the others stand. One that is not there has to be absent or released.
    """
    found: list[Update] = []
    for other, need in NEEDS[begins].items():
        standing = seen.get(other, absent_or_released(other))
        if isinstance(standing, Taken):
            return standing
        if isinstance(standing, Ended) and need is Need.ABSENT:
            return Taken(f"{OPERATION_ITEM} has ended, and stands there still")
        found.append(standing.check)
    return tuple(found)
