"""`release-grant#<instance>`: the only member that an epoch ever had is being terminated, and it answers nobody.

Its terminating hook holds it, because it is a member. But an unresponsive member can neither be joined nor removed, so
the cluster would wait for a person, for data of which no cluster was ever complete. The node that finds it so stores
this grant, and the reconcile function completes the hook. Once the instance is terminated, and not before, the next
epoch is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.names import RELEASE_GRANT_ITEM_PREFIX, TABLE_KEY, release_grant_item
from coordination.outcomes import Item
from coordination.record import ClusterRecord, Phase
from coordination.writes import Value, as_item


@dataclass(frozen=True)
class ReleaseGrant:
    """`epoch` and `row_version` are those of the record that was read before the rows; `by` is who looked."""

    instance_id: str
    epoch: int
    row_version: int
    by: str

    @property
    def item_id(self) -> str:
        """The item's key."""
        return release_grant_item(self.instance_id)

    def fields(self) -> dict[str, Value]:
        """The fields that store it."""
        return {"Epoch": self.epoch, "RowVersion": self.row_version, "By": self.by}

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(self.item_id, self.fields())

    def holds(self, record: ClusterRecord | None) -> bool:
        """Whether it is about this very state: it is void once anybody has written a member's row since."""
        return (
            record is not None
            and record.phase is Phase.READY
            and (record.epoch, record.row_version) == (self.epoch, self.row_version)
        )


def release_grant(item: Item) -> ReleaseGrant:
    """The release grant that `item` holds. Raises Malformed."""
    return ReleaseGrant(
        instance_id=text(item, TABLE_KEY).removeprefix(RELEASE_GRANT_ITEM_PREFIX),
        epoch=whole_number(item, "Epoch"),
        row_version=whole_number(item, "RowVersion"),
        by=text(item, "By"),
    )
