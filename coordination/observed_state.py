"""The `observation` item: what the leading agent saw last of etcd and of the nodes.

It is a note for people, for `status` and for alarms, and what the function plans by. Nothing that cannot be taken back
may hang on it alone, for it may be old.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from coordination.fields import Malformed, optional_number, optional_text, text, whole_number
from coordination.names import OBSERVATION_ITEM, TABLE_KEY
from coordination.outcomes import Item
from coordination.writes import Value, as_item

OLD_SECONDS = 300
"""After so long without a new one no agent leads, or the one that does cannot see anything."""
FRESH_SECONDS = 120
"""How old an observation may be that something is planned by: the leader makes one every half a minute, and after a
minute another agent leads."""

AHEAD_SECONDS = 30
"""How far an observation may lie in the future: clocks of instances and of functions differ by far less. One that lies
further ahead says nothing of when it was made, and would be fresh for as long as it is ahead."""


def is_fresh(observed_at: int, now: int) -> bool:
    """Whether something may be planned by what was seen then. Both in seconds since 1970."""
    return -AHEAD_SECONDS <= now - observed_at <= FRESH_SECONDS


@dataclass(frozen=True)
class SeenMember:
    """A member of etcd's own list."""

    etcd_member_id: str
    """Hexadecimal, as in member rows."""
    name: str
    """The instance's id; empty for one that has never started."""
    learner: bool
    problem: str
    """Why it cannot serve; empty where it can."""

    @property
    def healthy(self) -> bool:
        """Whether it serves."""
        return not self.problem


@dataclass(frozen=True)
class ClusterObservation:
    """What was seen; None and empty stand for what could not be seen."""

    observed_at: int
    """Seconds since 1970."""
    by: str
    """The instance whose agent looked."""
    epoch: int
    etcd_cluster_id: str = ""
    leader: str = ""
    """The etcd id of the member that leads."""
    members: tuple[SeenMember, ...] | None = None
    size_bytes: int | None = None
    """Of the largest member's database."""
    nodes: int | None = None
    nodes_ready: int | None = None
    certificate_days: int | None = None
    """Whole days until the first certificate of the looking node ends; negative once one has."""

    def shows_members(self, epoch: int, now: int) -> bool:
        """Whether a majority of this epoch's etcd answered, and lately."""
        return self.members is not None and self.epoch == epoch and is_fresh(self.observed_at, now)

    def fields(self) -> dict[str, Value]:
        """The fields that store it; None stands for a field that is not there."""
        return {
            "ObservedAt": self.observed_at,
            "By": self.by,
            "Epoch": self.epoch,
            "EtcdClusterId": self.etcd_cluster_id or None,
            "Leader": self.leader or None,
            "Members": None if self.members is None else json.dumps([vars(each) for each in self.members]),
            "SizeBytes": self.size_bytes,
            "Nodes": self.nodes,
            "NodesReady": self.nodes_ready,
            "CertificateDays": self.certificate_days,
        }

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(OBSERVATION_ITEM, self.fields())


def cluster_observation(item: Item) -> ClusterObservation:
    """The observation that `item` holds. Raises Malformed."""
    return ClusterObservation(
        observed_at=whole_number(item, "ObservedAt"),
        by=text(item, "By"),
        epoch=whole_number(item, "Epoch"),
        etcd_cluster_id=optional_text(item, "EtcdClusterId"),
        leader=optional_text(item, "Leader"),
        members=_members(item) if "Members" in item else None,
        size_bytes=optional_number(item, "SizeBytes"),
        nodes=optional_number(item, "Nodes"),
        nodes_ready=optional_number(item, "NodesReady"),
        certificate_days=optional_number(item, "CertificateDays"),
    )


def _members(item: Item) -> tuple[SeenMember, ...]:
    try:
        return tuple(
            SeenMember(
                etcd_member_id=str(each["etcd_member_id"]),
                name=str(each["name"]),
                learner=bool(each["learner"]),
                problem=str(each["problem"]),
            )
            for each in json.loads(text(item, "Members"))
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"item {item.get(TABLE_KEY)}: Members cannot be understood") from error
