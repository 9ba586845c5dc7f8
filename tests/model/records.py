"""The cluster record in a table in memory, and what must never become of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from coordination.members import Member, member
from coordination.names import CLUSTER_ITEM, MEMBER_ITEM_PREFIX, TABLE_KEY
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.writes import Fields
from tests.model.table import Table

CLUSTER = "the cluster"
LEASE_SECONDS = 60.0

FORWARD = "epoch and counter never go back"
ONE_OWNER = "an epoch never changes its owner"
FINAL = "nothing leaves deleting"


@cache
def _record(stored: Fields) -> ClusterRecord:
    return cluster_record({TABLE_KEY: CLUSTER_ITEM, **dict(stored)})


@cache
def _member(key: str, stored: Fields) -> Member:
    return member({TABLE_KEY: key, **dict(stored)})


def record_of(table: Table) -> ClusterRecord | None:
    """The cluster record."""
    return next((_record(stored) for key, stored in table if key == CLUSTER_ITEM), None)


def rows_of(table: Table) -> tuple[Member, ...]:
    """Every member's row, of whatever epoch."""
    return tuple(_member(key, stored) for key, stored in table if key.startswith(MEMBER_ITEM_PREFIX))


def own_row(table: Table, name: str) -> Member | None:
    """The row of one instance."""
    return next((row for row in rows_of(table) if row.instance_id == name), None)


def harms(before: ClusterRecord | None, after: ClusterRecord | None) -> Iterator[str]:
    """What a write did to the record that no write may do."""
    if before is None or after is None:
        return
    if after.epoch < before.epoch or after.counter < before.counter:
        yield FORWARD
    if after.epoch == before.epoch and before.owner and after.owner not in ("", before.owner):
        yield ONE_OWNER
    if before.phase is Phase.DELETING and after.phase is not Phase.DELETING:
        yield FINAL
