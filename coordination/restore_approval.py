"""`approval#restore`: a person's word that a restore may go on, for one epoch and exactly the instances it names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.outcomes import Item


@dataclass(frozen=True)
class Approval:
    """`who` is there for the log."""

    epoch: int
    instance_ids: frozenset[str]
    who: str

    def covers(self, epoch: int, instance_ids: Iterable[str]) -> bool:
        """Whether it was given for this very state; it is void once epoch or instances are others."""
        return self.epoch == epoch and self.instance_ids == frozenset(instance_ids)


def approval(item: Item) -> Approval:
    """The approval that `item` holds; InstanceIds is text with commas, as a person types it. Raises Malformed."""
    names = (name.strip() for name in text(item, "InstanceIds").split(","))
    return Approval(
        epoch=whole_number(item, "Epoch"),
        instance_ids=frozenset(name for name in names if name),
        who=text(item, "Who"),
    )
