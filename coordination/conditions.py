"""`condition#<name>` items: what waits for something, why, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.names import CONDITION_ITEM_PREFIX, TABLE_KEY, condition_item
from coordination.outcomes import Item

# What booting nodes store, while there may be nobody else who could. Each names it in its boot row for as long as it
# waits, and the leading agent clears what no living node names any more.
QUORUM_LOST = "QuorumLost"
RESTORE_BLOCKED = "RestoreBlocked"
SNAPSHOT_TOO_OLD = "SnapshotTooOld"
_BOOT_FAILED = "BootFailed"
_UPGRADE_REFUSED = "UpgradeRefused"
_ETCD_DISK_UNUSABLE = "EtcdDiskUnusable"
_BY_BOOTS = frozenset(
    {QUORUM_LOST, RESTORE_BLOCKED, SNAPSHOT_TOO_OLD, _BOOT_FAILED, _UPGRADE_REFUSED, _ETCD_DISK_UNUSABLE}
)


def boot_failed(slot: str) -> str:
    """The name of the condition that too many boots of a slot have failed."""
    return f"{_BOOT_FAILED}/slot-{slot}"


def upgrade_refused(instance_id: str) -> str:
    """The name of the condition that an instance's version does not go with the cluster's."""
    return f"{_UPGRADE_REFUSED}/{instance_id}"


def etcd_disk_unusable(instance_id: str) -> str:
    """The name of the condition that an instance has no disk for etcd's data, or one that it must not use."""
    return f"{_ETCD_DISK_UNUSABLE}/{instance_id}"


def is_of_boots(name: str) -> bool:
    """Whether a booting node stores the condition of this name."""
    return name.partition("/")[0] in _BY_BOOTS


@dataclass(frozen=True)
class Condition:
    """`since` is when it began, in seconds since 1970; it stays when reason or next step change."""

    name: str
    reason: str
    next_step: str
    since: int

    def item(self) -> Item:
        """The item that stores this condition."""
        return {
            TABLE_KEY: condition_item(self.name),
            "Reason": self.reason,
            "NextStep": self.next_step,
            "Since": self.since,
        }


def condition(item: Item) -> Condition:
    """The condition that `item` holds. Raises Malformed."""
    return Condition(
        name=text(item, TABLE_KEY).removeprefix(CONDITION_ITEM_PREFIX),
        reason=text(item, "Reason"),
        next_step=text(item, "NextStep"),
        since=whole_number(item, "Since"),
    )
