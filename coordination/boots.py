"""`boot#<instance ARN>` rows: how far an instance's boot has come. An instance writes its own, and nobody else does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coordination.fields import optional_number, optional_text, text
from coordination.names import BOOT_ITEM_PREFIX, TABLE_KEY, boot_item
from coordination.outcomes import Item
from coordination.writes import Update, update

FAILURES_SECONDS = 3600
MOST_FAILURES = 3
"""So many failed boots of one slot within that time, and the last one waits for a person: a next would fail, too."""


@dataclass(frozen=True)
class Boot:
    """`reason` says why the stage is what it is, and what a person can do; empty where all goes well."""

    instance_arn: str
    stage: str
    reason: str = ""
    fingerprint: str = ""
    """Of the key with which the instance's kubelet asks for its certificate; empty until there is one."""
    started_at: int | None = None
    """When the instance wrote its first row, in seconds since 1970; None where it did not say."""
    place: str = ""
    """The slot of a control plane, the pool of a worker."""
    failed_at: int | None = None
    """When the instance's boot failed, in seconds since 1970; None where it did not."""
    condition: str = ""
    """The name of the condition that the instance waits for a person in; empty where it does not."""

    @property
    def instance_id(self) -> str:
        """The instance's id, which its ARN ends with."""
        return self.instance_arn.rpartition("/")[2]


def boot(item: Item) -> Boot:
    """The boot row that `item` holds. Raises Malformed."""
    return Boot(
        instance_arn=text(item, TABLE_KEY).removeprefix(BOOT_ITEM_PREFIX),
        stage=text(item, "Stage"),
        # DynamoDB stores empty texts, and so may a node that has nothing to say.
        reason=optional_text(item, "Reason") if item.get("Reason") else "",
        fingerprint=optional_text(item, "Fingerprint"),
        started_at=optional_number(item, "StartedAt"),
        place=optional_text(item, "Place"),
        failed_at=optional_number(item, "FailedAt"),
        condition=optional_text(item, "Condition"),
    )


def failures(rows: Iterable[Boot], place: str, now: int, without: str) -> list[str]:
    """The instances of a place, but for one, whose boots failed within the last FAILURES_SECONDS."""
    return sorted(
        row.instance_id
        for row in rows
        if row.place == place
        and row.instance_id != without
        and row.failed_at is not None
        and now - row.failed_at < FAILURES_SECONDS
    )


def tell(row: Boot) -> Update:
    """Store the row, whatever was there: an instance has only one writer."""
    changes = {
        "Stage": row.stage,
        "Reason": row.reason or None,
        "Fingerprint": row.fingerprint or None,
        "StartedAt": row.started_at,
        "Place": row.place or None,
        "FailedAt": row.failed_at,
        "Condition": row.condition or None,
    }
    return update(boot_item(row.instance_arn), changes, {})
