"""`lease#function`: one pass of the reconcile function at a time.

The leases of nodes are judged by observation on the contender's own clock and come with the node program. A function
has no clock that lasts from one call to the next, so this lease alone is judged by time.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.names import TABLE_KEY, lease_item
from coordination.outcomes import Item

FUNCTION_LEASE_ITEM = lease_item("function")


@dataclass(frozen=True)
class FunctionLease:
    """`owner` is empty when released. `fence` grows with every take-over and is never reset."""

    owner: str
    started_at: int
    fence: int

    def item(self) -> Item:
        """The item that stores this lease while it is held."""
        return {
            TABLE_KEY: FUNCTION_LEASE_ITEM,
            "Owner": self.owner,
            "StartedAt": self.started_at,
            "Fence": self.fence,
        }


def function_lease(item: Item) -> FunctionLease:
    """The lease that `item` holds. Raises Malformed."""
    fence = whole_number(item, "Fence")
    if "Owner" not in item:
        return FunctionLease(owner="", started_at=0, fence=fence)
    return FunctionLease(owner=text(item, "Owner"), started_at=whole_number(item, "StartedAt"), fence=fence)


def is_free(lease: FunctionLease, now: int, timeout_seconds: int) -> bool:
    """Whether the lease may be taken at `now`, when a call of the function ends after `timeout_seconds` at the latest.

    Twice the time-out leaves room for clocks that differ. A start that lies as far in the future is no lease either:
    it would hold for ever.
    """
    return not lease.owner or abs(now - lease.started_at) > 2 * timeout_seconds


def taken(lease: FunctionLease | None, owner: str, now: int) -> FunctionLease:
    """The lease after `owner` took it over from `lease`."""
    return FunctionLease(owner=owner, started_at=now, fence=(lease.fence if lease else 0) + 1)
