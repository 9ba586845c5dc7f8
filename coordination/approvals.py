"""`approval#restore` and `approval#removal`: a person's word, for one epoch and exactly the instances that it names.

One shape for both. A person stores it with the AWS CLI; no role of the cluster may (generator/permissions.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.names import TABLE_KEY
from coordination.outcomes import Item
from coordination.writes import Value


@dataclass(frozen=True)
class Approval:
    """`who` is there for the log."""

    epoch: int
    named: str
    """The instances as a person typed them, with commas."""
    who: str

    @property
    def instance_ids(self) -> frozenset[str]:
        """The instances that it names."""
        names = (name.strip() for name in self.named.split(","))
        return frozenset(name for name in names if name)

    def covers(self, epoch: int, instance_ids: Iterable[str]) -> bool:
        """Whether it was given for this very state; it is void once epoch or instances are others."""
        return self.epoch == epoch and self.instance_ids == frozenset(instance_ids)

    def as_read(self) -> dict[str, Value]:
        """What its item must still hold for whoever deletes it: a person may have stored another one since."""
        return {"Epoch": self.epoch, "InstanceIds": self.named, "Who": self.who}


def approval(item: Item) -> Approval:
    """The approval that `item` holds. Raises Malformed."""
    return Approval(epoch=whole_number(item, "Epoch"), named=text(item, "InstanceIds"), who=text(item, "Who"))


def command(table: str, item_id: str, epoch: int, instance_ids: Iterable[str]) -> str:
    """What a person pastes to store the approval `item_id` (coordination.names) in the cluster table `table`."""
    item = {
        TABLE_KEY: {"S": item_id},
        "Epoch": {"N": str(epoch)},
        "InstanceIds": {"S": ",".join(sorted(instance_ids))},
        "Who": {"S": "YOUR NAME"},
    }
    return f"aws dynamodb put-item --table-name {table} --item '{json.dumps(item)}'"
