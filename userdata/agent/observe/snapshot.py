"""What the leading agent decides on: one look at the table, at etcd, at EC2 and at the API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Reading, Unknown
from coordination.record import ClusterRecord
from coordination.retention import OldRow
from coordination.rows import Rows
from userdata.etcd.view import EtcdView
from userdata.pki.inventory import HeldCertificate


@dataclass(frozen=True)
class Nodes:
    """How many Nodes the cluster has, and how many of them are Ready."""

    all: int
    ready: int


@dataclass(frozen=True)
class LeaderRows:
    """What the table says; member rows are those of the record's epoch."""

    record: ClusterRecord
    members: tuple[Member, ...]
    unread: Mapping[str, Unknown]
    """The members whose rows cannot be understood, of whatever epoch, by instance id."""
    conditions: Mapping[str, Condition]
    boots: tuple[Boot, ...]
    """Of every instance, so also what workers say of themselves."""
    last: ClusterObservation | None
    """What a leader published last; None where nothing is there that can be understood."""
    rows: Rows
    """All of it as it was read, for what may be deleted."""


@dataclass(frozen=True)
class Snapshot:
    """One look. What could not be seen is Unknown, and hides nothing else."""

    instance_id: str
    """Of the node that looks."""
    now: float
    """Seconds since 1970."""
    steady: float
    """Seconds of a clock that only goes forward."""
    table: LeaderRows
    view: Reading[EtcdView]
    instances: Reading[tuple[GroupInstance, ...]]
    """Every instance of the cluster's groups."""
    old_rows: Sequence[OldRow]
    """The rows that may have to go; none while the groups are unknown."""
    states: Reading[Mapping[str, str | None]]
    """EC2's words for the instances that matter."""
    nodes: Reading[Nodes]
    certificates: Sequence[HeldCertificate]
    """This node's own."""

    def unknown(self) -> Iterator[str]:
        """Why something could not be seen, a line each."""
        readings: tuple[Reading[object], ...] = (self.view, self.instances, self.states, self.nodes)
        for each in (*self.table.unread.values(), *readings):
            if isinstance(each, Unknown):
                yield each.reason
