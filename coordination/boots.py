"""`boot#<instance ARN>` rows: how far an instance's boot has come. An instance writes its own, and nobody else does.

IAM lets a worker write the row under its own ARN only, and anything into it. So whose row it is can be believed, and
what it says only of control planes: whoever reads rows says of which instances.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import cut_text, optional_number, text
from coordination.names import BOOT_ITEM_PREFIX, TABLE_KEY, boot_item
from coordination.outcomes import Item
from coordination.writes import Update, update

START_AGENT = "start-agent"
NODE_READY = "node-ready"
LAST_STAGES = frozenset({START_AGENT, NODE_READY})
"""The last stage of a control plane's boot, and of a worker's: there, without a reason, a boot has ended well."""

LONGEST_STAGE = 64
LONGEST_REASON = 1000
LONGEST_PLACE = 128
LONGEST_CONDITION = 128
_LONGEST_FINGERPRINT = 128
"""In characters. IAM bounds no item, so an instance may store 400 kB of them; what is read of it is cut, too."""


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
        stage=text(item, "Stage")[:LONGEST_STAGE],
        reason=cut_text(item, "Reason", LONGEST_REASON),
        fingerprint=cut_text(item, "Fingerprint", _LONGEST_FINGERPRINT),
        started_at=optional_number(item, "StartedAt"),
        place=cut_text(item, "Place", LONGEST_PLACE),
        condition=cut_text(item, "Condition", LONGEST_CONDITION),
    )


def tell(row: Boot) -> Update:
    """Store the row, whatever was there: an instance has only one writer."""
    changes = {
        "Stage": row.stage[:LONGEST_STAGE],
        "Reason": row.reason[:LONGEST_REASON] or None,
        "Fingerprint": row.fingerprint or None,
        "StartedAt": row.started_at,
        "Place": row.place[:LONGEST_PLACE] or None,
        "Condition": row.condition[:LONGEST_CONDITION] or None,
    }
    return update(boot_item(row.instance_arn), changes, {})
