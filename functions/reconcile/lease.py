"""Taking and releasing `lease#function` around a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.fields import Malformed
from coordination.function_lease import FUNCTION_LEASE_ITEM, function_lease, is_free, taken
from coordination.names import TABLE_KEY
from coordination.outcomes import Conflict, Known, Unknown, Write
from coordination.ports import Table, TableWriter


@dataclass(frozen=True)
class Busy:
    """Another pass runs, or ended without releasing the lease less than twice the time-out ago."""

    reason: str


Taking: TypeAlias = Known[int] | Busy | Unknown


def take(table: Table, owner: str, now: int, timeout_seconds: int) -> Taking:
    """The fence under which `owner` holds the lease now. `owner` must be new for every call of the function."""
    reading = table.get(FUNCTION_LEASE_ITEM)
    if isinstance(reading, Unknown):
        return reading
    try:
        seen = function_lease(reading.value) if reading.value is not None else None
    except Malformed as error:
        return Unknown(str(error))
    if seen is not None and not is_free(seen, now, timeout_seconds):
        return Busy(f"{seen.owner} has held it for {now - seen.started_at} s")
    mine = taken(seen, owner, now)
    # The fence grows with every take-over, so it alone tells whether somebody was quicker.
    written = table.put(mine.item(), {"Fence": seen.fence} if seen is not None else {TABLE_KEY: None})
    if isinstance(written, Conflict):
        return Busy("another pass took it first")
    if isinstance(written, Unknown):
        return written
    return Known(mine.fence)


def release(table: TableWriter, owner: str, fence: int) -> Write:
    """Release the lease; the fence stays, so that it goes on growing."""
    changes = {"Owner": None, "StartedAt": None}
    return table.update(FUNCTION_LEASE_ITEM, changes, expected={"Owner": owner, "Fence": fence})
