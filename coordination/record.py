"""The `cluster` item: which cluster this table belongs to, and in which phase of its life it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordination.fields import one_of, text, whole_number
from coordination.outcomes import Item


class Phase(StrEnum):
    """The cluster's phase. It may turn to deleting from every other one, and nothing leaves deleting."""

    CLAIMED = "claimed"
    READY = "ready"
    RESTORING = "restoring"
    DELETING = "deleting"


@dataclass(frozen=True)
class ClusterRecord:
    """What the function needs of the record. `epoch` is 0 where a cluster was deleted before anyone claimed it."""

    cluster_id: str
    phase: Phase
    epoch: int


def cluster_record(item: Item) -> ClusterRecord:
    """The record that `item` holds. Raises Malformed."""
    phase = Phase(one_of(item, "Phase", Phase))
    return ClusterRecord(
        cluster_id=text(item, "ClusterId"),
        phase=phase,
        # Only a deletion can write the record without an epoch: it does not wait for a founder.
        epoch=whole_number(item, "Epoch", default=0 if phase is Phase.DELETING else None),
    )
