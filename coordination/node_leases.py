"""`lease#<name>` items of nodes: one at a time, taken over only from a holder that stands still or is terminated.

A lease does not stop a holder that was paused. What is done under it and cannot be undone is therefore conditional on
its fence, which grows with every take-over and is never reset.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from coordination.fields import one_of, optional_text, whole_number
from coordination.names import LEASE_ITEM_PREFIX, TABLE_KEY, lease_item
from coordination.outcomes import Item
from coordination.writes import ABSENT, Update, Value, check, update


class LeaseName(StrEnum):
    """What only one node does at a time: join, back up, act as the agent, restart static pods for new certificates."""

    JOIN = "join"
    BACKUP = "backup"
    AGENT = "agent"
    RESTART = "restart"


@dataclass(frozen=True)
class NodeLease:
    """`owner` is an instance id, empty when released; `counter` grows with every renewal and take-over."""

    name: LeaseName
    owner: str
    counter: int
    fence: int

    @property
    def item_id(self) -> str:
        """The lease's key."""
        return lease_item(self.name)


@dataclass(frozen=True)
class Holding:
    """What to write, and the lease as it stands once it is done."""

    write: Update
    lease: NodeLease


def node_lease(item: Item) -> NodeLease:
    """The lease that `item` holds. Raises Malformed."""
    key = one_of(item, TABLE_KEY, (lease_item(name) for name in LeaseName))
    return NodeLease(
        name=LeaseName(key.removeprefix(LEASE_ITEM_PREFIX)),
        owner=optional_text(item, "Owner"),
        counter=whole_number(item, "Counter"),
        fence=whole_number(item, "Fence"),
    )


def take(name: LeaseName, seen: NodeLease | None, owner: str) -> Holding:
    """Take a lease that nobody holds, or whose holder, as `seen`, stands still or is terminated."""
    if seen is None:
        lease = NodeLease(name, owner, counter=1, fence=1)
        return Holding(update(lease.item_id, _fields(lease), ABSENT), lease)
    lease = NodeLease(name, owner, seen.counter + 1, seen.fence + 1)
    return Holding(update(lease.item_id, _fields(lease), _fields(seen)), lease)


def renew(held: NodeLease) -> Holding:
    """Tell the others that the holder still works; `held` has the counter that it wrote last."""
    lease = replace(held, counter=held.counter + 1)
    return Holding(update(held.item_id, _fields(lease), _fields(held)), lease)


def release(held: NodeLease) -> Update:
    """Let the next one take it at once. Counter and fence stay, so that they go on growing."""
    return update(held.item_id, {"Owner": None, "Fence": held.fence}, {"Owner": held.owner, "Fence": held.fence})


def release_still(seen: NodeLease) -> Update:
    """Release a lease whose holder, as `seen`, stands still or is terminated; refused once its holder has moved."""
    return update(seen.item_id, {"Owner": None, "Fence": seen.fence}, _fields(seen))


def as_seen(seen: NodeLease) -> Update:
    """The part of a transaction that refuses it once the lease's holder has moved, or it is another's."""
    return check(seen.item_id, _fields(seen))


def still_held(held: NodeLease) -> Update:
    """The part of a transaction that refuses it once somebody took the lease over."""
    return check(held.item_id, {"Owner": held.owner, "Fence": held.fence})


def _fields(lease: NodeLease) -> dict[str, Value]:
    return {"Owner": lease.owner or None, "Counter": lease.counter, "Fence": lease.fence}
