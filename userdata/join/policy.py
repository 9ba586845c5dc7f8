"""Whether the join data is still good. Pure; `tokens` renews it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from coordination.record import ClusterRecord, Phase
from userdata.join.data import JoinData


@dataclass(frozen=True)
class Keep:
    """There is nothing to do, or nothing that may be done now."""

    reason: str


@dataclass(frozen=True)
class Renew:
    """Make a new token and publish it. The old one is left to end by itself: a worker may be joining by it."""

    reason: str


@dataclass(frozen=True)
class OwnCluster:
    """What the control plane that publishes knows of itself."""

    etcd_cluster_id: str
    """Of the etcd that stands behind its API server."""
    server: str
    bundle: str


Needed: TypeAlias = Keep | Renew


def may_publish(record: ClusterRecord, here: OwnCluster) -> Keep | None:
    """Why nothing may be published from here; a node that the cluster was restored without must not."""
    if record.phase is not Phase.READY:
        return Keep(f"the cluster is {record.phase.value}")
    if record.etcd_cluster_id != here.etcd_cluster_id:
        return Keep(f"the record is about etcd cluster {record.etcd_cluster_id}, and this is {here.etcd_cluster_id}")
    return None


def needed(
    record: ClusterRecord,
    here: OwnCluster,
    stored: JoinData | None,
    expiry: datetime | None,
    now: datetime,
    lifetime: timedelta,
) -> Needed:
    """Whether the join data has to be renewed. `expiry` is its token's in the cluster, None where that has no such."""
    if kept := may_publish(record, here):
        return kept
    if stored is None:
        return Renew("there is no join data")
    if not stored.is_of(record.epoch, record.etcd_cluster_id):
        return Renew(f"the join data is of epoch {stored.epoch}, and this is epoch {record.epoch}")
    if (stored.server, stored.bundle) != (here.server, here.bundle):
        return Renew("the API's name or the cluster's CA has changed")
    if expiry is None:
        return Renew("the cluster does not know the token")
    if expiry - now < lifetime / 2:
        return Renew("less than half of the token's lifetime is left")
    return Keep("the token is good")
