"""What `status` tells about. Each part is known, or says why it is not; None stands for what a worker never sees."""

from __future__ import annotations

from dataclasses import dataclass

from coordination.outcomes import Reading
from coordination.record import ClusterRecord
from coordination.report.table import TableRows
from userdata.etcd.view import EtcdView
from userdata.logs.lines import Outcome
from userdata.pki.inventory import HeldCertificate
from userdata.shipping.progress import Progress


@dataclass(frozen=True)
class Who:
    """Which node this is."""

    instance_id: str
    """Empty where the instance's metadata does not answer."""
    role: str
    place: str
    """The slot of a control plane, the pool of a worker."""
    cluster_uuid: str


@dataclass(frozen=True)
class StageLine:
    """A line of the boot's log (userdata.logs.lines)."""

    at: float
    """When it was written, in seconds since 1970."""
    stage: str
    outcome: Outcome
    seconds: float
    reason: str


@dataclass(frozen=True)
class Snapshot:
    """One look. `now` is in seconds since 1970."""

    now: float
    who: Reading[Who]
    record: Reading[ClusterRecord | None]
    table: Reading[TableRows] | None
    etcd: Reading[EtcdView] | None
    certificates: tuple[HeldCertificate, ...]
    stages: Reading[tuple[StageLine, ...]]
    """Of this boot of the instance, the oldest first."""
    logs: Reading[Progress]
    """How far this node's logs are shipped."""
