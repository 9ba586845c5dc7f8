"""Gathers the snapshot that `status` tells. Nothing that fails hides anything else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordination.fields import parsed
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import TableReader
from coordination.record import ClusterRecord, cluster_record
from coordination.report.table import READ, TableRows, table_rows
from coordination.rows import read
from userdata.agent.certificate_renewal import found
from userdata.etcd.view import EtcdView
from userdata.logs.files import LOG_FOLDER
from userdata.logs.lines import Outcome
from userdata.pki.inventory import CONTROL_PLANE, KUBELET
from userdata.shipping.progress import PROGRESS_FILE, Progress, parse
from userdata.status.snapshot import Snapshot, StageLine, Who

BOOT_LOG = f"{LOG_FOLDER}/boot.log"


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


def _read(sources: StatusSources) -> tuple[Reading[ClusterRecord | None], Reading[TableRows] | None]:
    table = sources.table
    if isinstance(table, Unknown):
        return table, table if sources.is_control_plane else None
    if not sources.is_control_plane:
        return parsed(table.value.get(CLUSTER_ITEM), cluster_record), None
    rows = read(table.value, READ)
    if isinstance(rows, Unknown):
        return rows, rows
    return rows.value.record, Known(table_rows(rows.value))
