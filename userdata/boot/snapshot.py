"""What a booting node decides on: the record, its own row, its own disk, the record's owner, and who answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from coordination.members import Member
from coordination.outcomes import Reading
from coordination.record import ClusterRecord
from userdata.host.etcd_disk import ClusterNode, Disk


class Reach(StrEnum):
    """Whether members of the record's etcd cluster answer this node."""

    QUORUM = "a member with quorum answers"
    NO_QUORUM = "members answer, and none has quorum"
    NOBODY = "no member answers"
    UNASKED = "nobody could be asked"
    """Without the keys, or without knowing who the members are, silence means nothing."""


@dataclass(frozen=True)
class PeerAnswer:
    """What one member said."""

    etcd_cluster_id: str
    has_quorum: bool


def reach(answers: Iterable[PeerAnswer], etcd_cluster_id: str) -> Reach:
    """Who answers, of the record's etcd cluster only: a member of an epoch before it is nobody."""
    quorums = [answer.has_quorum for answer in answers if answer.etcd_cluster_id == etcd_cluster_id]
    if any(quorums):
        return Reach.QUORUM
    return Reach.NO_QUORUM if quorums else Reach.NOBODY


@dataclass(frozen=True)
class Snapshot:
    """One look at everything. The record is read first; what its phase does not need may be left Unknown."""

    node: ClusterNode
    disk: Disk
    record: Reading[ClusterRecord | None]
    row: Reading[Member | None]
    """This instance's own row."""
    owner_gone: Reading[bool]
    """Whether the instance that owns the record is gone for good (coordination.termination)."""
    owner_still: bool
    """Whether this node saw owner and counter unchanged for a whole lease (coordination.lease_watch)."""
    reach: Reach
    kubernetes_version: str = ""
    """Of this node's image."""
