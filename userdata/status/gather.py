"""Gathers the snapshot that `status` tells. Nothing that fails hides anything else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from coordination.fields import parsed
from coordination.names import (
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
)
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import TableReader
from coordination.record import ClusterRecord, cluster_record
from coordination.rows import Rows, read, understood, unreadable
from userdata.agent.certificate_renewal import found
from userdata.etcd.view import EtcdView
from userdata.logs.files import LOG_FOLDER
from userdata.logs.lines import Outcome
from userdata.pki.inventory import CONTROL_PLANE, KUBELET
from userdata.shipping.progress import PROGRESS_FILE, Progress, parse
from userdata.status.snapshot import Snapshot, StageLine, StatusRows, Who

BOOT_LOG = f"{LOG_FOLDER}/boot.log"
# A scan, for a person who asks once. Boot rows are left out: how a boot goes is told by the log of its own node.
_READ = (
    CLUSTER_ITEM,
    MEMBER_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    OBSERVATION_ITEM,
)

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class StatusSources:
    """Where facts come from. None of them raises. A worker may read nothing but the record, and sees no etcd."""

    root: Path
    who: Reading[Who]
    is_control_plane: bool
    table: Reading[TableReader]
    """Unknown where not even the table's name is known."""
    etcd: Callable[[], Reading[EtcdView]]
    now: Callable[[], float] = time.time
    booted: Callable[[], float] = lambda: time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    """When this boot of the instance began, in seconds since 1970."""


def gather(sources: StatusSources) -> Snapshot:
    """One look at everything."""
    record, table = _read(sources)
    places = (*CONTROL_PLANE, *KUBELET) if sources.is_control_plane else KUBELET
    return Snapshot(
        now=sources.now(),
        who=sources.who,
        record=record,
        table=table,
        etcd=sources.etcd() if sources.is_control_plane else None,
        certificates=found(sources.root, places),
        stages=stages(sources.root, sources.booted()),
        logs=logs(sources.root),
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


def logs(root: Path) -> Reading[Progress]:
    """How far logs are shipped, by the word of the program that ships them."""
    try:
        return Known(parse((root / PROGRESS_FILE.lstrip("/")).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Unknown(f"{PROGRESS_FILE} is not there: holdfast-logs.service has not run")
    except OSError as error:
        return Unknown(f"{PROGRESS_FILE}: {error.strerror}")
    except ValueError as error:
        return Unknown(str(error))


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


def _read(sources: StatusSources) -> tuple[Reading[ClusterRecord | None], Reading[StatusRows] | None]:
    table = sources.table
    if isinstance(table, Unknown):
        return table, table if sources.is_control_plane else None
    if not sources.is_control_plane:
        return parsed(table.value.get(CLUSTER_ITEM), cluster_record), None
    rows = read(table.value, _READ)
    if isinstance(rows, Unknown):
        return rows, rows
    return rows.value.record, Known(_table(rows.value))


def _table(rows: Rows) -> StatusRows:
    """Nothing is ignored: what cannot be understood is told, but for the record, which the caller has."""
    record = rows.record.value if isinstance(rows.record, Known) else None
    unknown = [
        each.reason
        for found in (rows.members, rows.leases, rows.conditions, rows.drains)
        for each in unreadable(found).values()
    ]
    unknown += [rows.observation.reason] if isinstance(rows.observation, Unknown) else []
    return StatusRows(
        # Without a record nobody knows which epoch counts, so all are shown.
        members=tuple(row for row in _ordered(rows.members) if record is None or row.epoch == record.epoch),
        leases=_ordered(rows.leases),
        conditions=_ordered(rows.conditions),
        drains=_ordered(rows.drains),
        observation=rows.observation.value if isinstance(rows.observation, Known) else None,
        malformed=tuple(unknown),
    )


def _ordered(found: Mapping[str, Reading[Parsed]]) -> tuple[Parsed, ...]:
    return tuple(value for _, value in sorted(understood(found).items(), key=lambda pair: pair[0]))
