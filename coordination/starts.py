"""The `start` item: CloudFormation has asked for the cluster's start, so its slots may have instances from now on."""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.names import START_ITEM, TABLE_KEY
from coordination.outcomes import Item


@dataclass(frozen=True)
class Start:
    """`started_at` (seconds since 1970) is when the request `request_id` of CloudFormation was first seen."""

    started_at: int
    request_id: str

    def item(self) -> Item:
        """The item that stores it."""
        return {TABLE_KEY: START_ITEM, "StartedAt": self.started_at, "RequestId": self.request_id}


def start(item: Item) -> Start:
    """What `item` says. Raises Malformed."""
    return Start(started_at=whole_number(item, "StartedAt"), request_id=text(item, "RequestId"))
