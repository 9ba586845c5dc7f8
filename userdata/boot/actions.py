"""What a booting node may do next. After every one of them that does not end the boot, the node looks again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.claims import Claim
from coordination.record import ClusterRecord
from coordination.release_grants import ReleaseGrant


@dataclass(frozen=True)
class Stop:
    """Start nothing, say so, and look no further: a person has to do something, or the cluster ends."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Start nothing, and look again."""

    reason: str


@dataclass(frozen=True)
class WaitForHuman:
    """Start nothing, store a condition with this name, and look again."""

    condition: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class GrantRelease:
    """Store that a member need not be held any more, and look again."""

    reason: str
    grant: ReleaseGrant


@dataclass(frozen=True)
class AbandonLaunch:
    """Never start the etcd data that is here: stop kubelet and etcd, release what is held, let the instance go."""

    reason: str


@dataclass(frozen=True)
class Start:
    """Start what is here, and go on looking: the table may later say that it must stop."""

    reason: str


@dataclass(frozen=True)
class Resume:
    """Start what is here. Write the marker if it is missing; go on with the join where `promoted` is false."""

    reason: str
    write_marker: bool
    promoted: bool


@dataclass(frozen=True)
class TakeClaim:
    """Write the claim; once it is done, wipe the etcd data that is here if `wipe`, then found or restore."""

    reason: str
    claim: Claim
    wipe: bool = False


@dataclass(frozen=True)
class Join:
    """Join the cluster of this record."""

    reason: str
    record: ClusterRecord


@dataclass(frozen=True)
class EvaluateRestore:
    """Collect the evidence for a restore (userdata.boot.restore), beginning after this record was read."""

    reason: str
    record: ClusterRecord


Action: TypeAlias = (
    Stop | Wait | WaitForHuman | GrantRelease | AbandonLaunch | Start | Resume | TakeClaim | Join | EvaluateRestore
)
