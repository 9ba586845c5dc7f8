"""Gathers the facts that `status` tells. Nothing that fails hides anything else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from coordination.conditions import condition
from coordination.fields import Malformed, parsed
from coordination.members import member
from coordination.names import (
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
    TABLE_KEY,
    lease_item,
)
from coordination.node_leases import LeaseName, node_lease
from coordination.observed_state import cluster_observation
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.record import ClusterRecord, cluster_record
from userdata.agent.certificate_renewal import found
from userdata.etcd.view import EtcdView
from userdata.logs.files import LOG_FOLDER
from userdata.logs.lines import Outcome
from userdata.pki.inventory import CONTROL_PLANE, KUBELET
from userdata.status.snapshot import Facts, StageLine, Table, Who

BOOT_LOG = f"{LOG_FOLDER}/boot.log"
_READ = (CLUSTER_ITEM, MEMBER_ITEM_PREFIX, LEASE_ITEM_PREFIX, CONDITION_ITEM_PREFIX, OBSERVATION_ITEM)
# lease#function is judged by time and is not a node's.
_LEASES = {lease_item(name) for name in LeaseName}

Parsed = TypeVar("Parsed")


class Rows(Protocol):
    """What is needed of the cluster table."""

    def get(self, item_id: str) -> Reading[Item | None]: ...

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]: ...


@dataclass(frozen=True)
class Sources:
    """Where facts come from. None of them raises. A worker may read nothing but the record, and sees no etcd."""

    root: Path
    who: Reading[Who]
    is_control_plane: bool
    table: Reading[Rows]
    """Unknown where not even the table's name is known."""
    etcd: Callable[[], Reading[EtcdView]]
    now: Callable[[], float] = time.time
    booted: Callable[[], float] = lambda: time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    """When this boot of the instance began, in seconds since 1970."""


def gather(sources: Sources) -> Facts:
    """One look at everything."""
    record, table = _read(sources)
    places = (*CONTROL_PLANE, *KUBELET) if sources.is_control_plane else KUBELET
    return Facts(
        now=sources.now(),
        who=sources.who,
        record=record,
        table=table,
        etcd=sources.etcd() if sources.is_control_plane else None,
        certificates=found(sources.root, places),
        stages=stages(sources.root, sources.booted()),
    )


def stages(root: Path, since: float) -> Reading[tuple[StageLine, ...]]:
    """The lines of the boot's log that were written since then; lines that are none are passed over."""
    path = root / BOOT_LOG.lstrip("/")
    lines: list[str] = []
    try:
        # What a long boot wrote before its file was full.
        older = path.with_name(f"{path.name}.1")
        if older.exists():
            lines += older.read_text(encoding="utf-8", errors="replace").splitlines()
        lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return Unknown(f"{BOOT_LOG} is not there: the boot program has not run")
    except OSError as error:
        return Unknown(f"{BOOT_LOG}: {error.strerror}")
    return Known(tuple(line for line in map(_stage, lines) if line is not None and line.at >= since))


def _stage(text: str) -> StageLine | None:
    try:
        line: Any = json.loads(text)
        return StageLine(
            float(line["at"]),
            str(line["stage"]),
            Outcome(line["outcome"]),
            float(line["seconds"]),
            str(line["reason"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _read(sources: Sources) -> tuple[Reading[ClusterRecord | None], Reading[Table] | None]:
    table = sources.table
    if isinstance(table, Unknown):
        return table, table if sources.is_control_plane else None
    if not sources.is_control_plane:
        return parsed(table.value.get(CLUSTER_ITEM), cluster_record), None
    items = table.value.items(_READ)
    if isinstance(items, Unknown):
        return items, items
    by_key = {str(each[TABLE_KEY]): each for each in items.value}
    record = parsed(Known(by_key.get(CLUSTER_ITEM)), cluster_record)
    return record, Known(_table(by_key, record))


def _table(by_key: dict[str, Item], record: Reading[ClusterRecord | None]) -> Table:
    malformed: list[str] = []

    def all_good(parse: Callable[[Item], Parsed], keys: Sequence[str]) -> tuple[Parsed, ...]:
        good = []
        for key in sorted(keys):
            try:
                good.append(parse(by_key[key]))
            except Malformed as error:
                malformed.append(str(error))
        return tuple(good)

    def under(prefix: str) -> list[str]:
        return [key for key in by_key if key.startswith(prefix)]

    members = all_good(member, under(MEMBER_ITEM_PREFIX))
    known = record.value if isinstance(record, Known) else None
    seen = all_good(cluster_observation, under(OBSERVATION_ITEM))
    return Table(
        # Without a record nobody knows which epoch counts, so all are shown.
        members=tuple(row for row in members if known is None or row.epoch == known.epoch),
        leases=all_good(node_lease, [key for key in by_key if key in _LEASES]),
        conditions=all_good(condition, under(CONDITION_ITEM_PREFIX)),
        observation=seen[0] if seen else None,
        malformed=tuple(malformed),
    )
