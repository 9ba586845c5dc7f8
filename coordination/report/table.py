"""What a report says of the cluster table: the record, leases, conditions, the operation, drains, the observation.

A node's own status and the command for people say the same of the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from coordination.conditions import Condition
from coordination.drains import Drain
from coordination.members import Member
from coordination.names import (
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
)
from coordination.node_leases import LeaseName, NodeLease
from coordination.observed_state import OLD_SECONDS, ClusterObservation
from coordination.operations import Operation
from coordination.outcomes import Known, Reading, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.report.parts import Attention, Part, ago
from coordination.rows import Rows, understood, unreadable

READ = (
    CLUSTER_ITEM,
    MEMBER_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
)
"""What both read, by a scan, for a person who asks once."""
TABLE_PARTS = ("leases", "conditions", "operation", "drains", "observation")
LONG_SECONDS = 900
"""After so long somebody should look at what passes by itself: the function names a removal that waits, and a slot
that is empty, after the same time."""

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class TableRows:
    """What there is in the cluster table. Member rows are those of the record's epoch."""

    members: tuple[Member, ...]
    leases: tuple[NodeLease, ...]
    conditions: tuple[Condition, ...]
    drains: tuple[Drain, ...]
    observation: ClusterObservation | None
    malformed: tuple[str, ...]
    """Items that cannot be understood, a line each."""
    operation: Operation | None = None


def table_rows(rows: Rows) -> TableRows:
    """Nothing is ignored: what cannot be understood is told, but for the record, which the caller has."""
    record = rows.record.value if isinstance(rows.record, Known) else None
    unknown = [
        each.reason
        for found in (rows.members, rows.leases, rows.conditions, rows.drains)
        for each in unreadable(found).values()
    ]
    unknown += [each.reason for each in (rows.observation, rows.operation) if isinstance(each, Unknown)]
    return TableRows(
        # Without a record nobody knows which epoch counts, so all are shown.
        members=tuple(row for row in ordered(rows.members) if record is None or row.epoch == record.epoch),
        leases=ordered(rows.leases),
        conditions=ordered(rows.conditions),
        drains=ordered(rows.drains),
        observation=rows.observation.value if isinstance(rows.observation, Known) else None,
        malformed=tuple(unknown),
        operation=rows.operation.value if isinstance(rows.operation, Known) else None,
    )


def ordered(found: Mapping[str, Reading[Parsed]]) -> tuple[Parsed, ...]:
    """The rows that can be understood, ordered by their names."""
    return tuple(value for _, value in sorted(understood(found).items(), key=lambda pair: pair[0]))


def record_part(reading: Reading[ClusterRecord | None], begun: str = "") -> Part:
    """The cluster record. One that is not there, or not ready, needs attention. `begun` is when its epoch began."""
    if isinstance(reading, Unknown):
        return Part("record", unknown=(reading.reason,))
    record = reading.value
    if record is None:
        missing = Attention("there is no cluster record: no node has initialised the cluster")
        return Part("record", data={}, attention=(missing,))
    told = [f"epoch {record.epoch} is {record.phase}"]
    told += [f"begun {begun}"] if begun else []
    told += [f"claimed by {record.owner or 'nobody'}"]
    told += [f"Kubernetes {record.kubernetes_version}"] if record.kubernetes_version else []
    inside = [f"etcd {record.etcd_cluster_id}"] if record.etcd_cluster_id else []
    inside += [f"keys of epoch {record.pki_epoch}"] if record.pki_epoch else []
    rows = tuple((", ".join(words),) for words in (told, inside) if words)
    wrong = () if record.phase is Phase.READY else (Attention(f"the cluster is {record.phase}, and not ready"),)
    return Part("record", rows, {**record.fields()}, wrong)


def table_parts(reading: Reading[TableRows], now: float) -> list[Part]:
    """The parts of TABLE_PARTS, and one of items that cannot be understood. `now` is in seconds since 1970."""
    if isinstance(reading, Unknown):
        return [Part(name, unknown=(reading.reason,)) for name in TABLE_PARTS]
    table = reading.value
    return [
        _leases(table.leases),
        _conditions(table.conditions, now),
        _operation(table.operation, now),
        _drains(table.drains, now),
        _observation(table.observation, now),
        Part("table", unknown=table.malformed),
    ]


def _leases(found: Sequence[NodeLease]) -> Part:
    owners = {lease.name: lease.owner for lease in found}
    return Part(
        "leases",
        tuple((lease.name.value, lease.owner or "free", f"fence {lease.fence}") for lease in found),
        [{"name": lease.name.value, "owner": lease.owner, "fence": lease.fence} for lease in found],
        () if owners.get(LeaseName.AGENT) else (Attention("no agent holds lease#agent"),),
    )


def _conditions(found: Sequence[Condition], now: float) -> Part:
    return Part(
        "conditions",
        tuple((each.name, ago(now - each.since), each.reason) for each in found),
        [vars(each) for each in found],
        tuple(Attention(f"{each.name}: {each.reason}", each.next_step) for each in found),
    )


def _operation(found: Operation | None, now: float) -> Part:
    if found is None:
        return Part("operation", data={})
    by = f"carried out by {found.accepted_by}" if found.accepted_by else "accepted by nobody yet"
    told = (str(found), f"requested {ago(now - found.requested_at)}", by)
    # The function withdraws it before: who sees it still sees a function that does not run.
    old = found.outcome is None and now - found.requested_at > LONG_SECONDS
    wrong = Attention(f"the operation has no end, and nobody withdraws it: {found}")
    return Part("operation", (told,), {**found.fields()}, (wrong,) if old else ())


def _drains(found: Sequence[Drain], now: float) -> Part:
    return Part(
        "drains",
        tuple((each.instance_id, f"since {ago(now - each.requested_at)}", _drain(each, now)) for each in found),
        [{"instance_id": each.instance_id, **each.fields()} for each in found],
        tuple(
            Attention(
                f"nobody drains {each.instance_id}, which terminates: its time was over {ago(now - each.deadline)}"
            )
            for each in found
            if each.outcome is None and each.is_overdue(int(now))
        ),
    )


def _drain(seen: Drain, now: float) -> str:
    if seen.outcome is not None:
        return f"{seen.outcome} by {seen.by or 'nobody'}"
    left = seen.deadline - now
    return f"its pods have {left:.0f} s left" if left > 0 else "its pods are deleted"


def _observation(seen: ClusterObservation | None, now: float) -> Part:
    if seen is None:
        return Part("observation", data={}, attention=(Attention("no agent has looked at the cluster yet"),))
    age = now - seen.observed_at
    size = "?" if seen.size_bytes is None else f"{seen.size_bytes / 2**20:.0f} MiB"
    nodes = "nodes unknown" if seen.nodes is None else f"{seen.nodes_ready} of {seen.nodes} nodes ready"
    wrong: list[Attention] = []
    if age > OLD_SECONDS:
        wrong.append(Attention(f"no agent has looked at the cluster since {ago(age)}"))
    elif seen.nodes is None:
        wrong.append(Attention(f"no API server answered the agent on {seen.by}, {ago(age)}"))
    told = (f"{ago(age)} by {seen.by}", nodes, f"etcd {size}")
    return Part("observation", (told,), {**seen.fields()}, tuple(wrong))
