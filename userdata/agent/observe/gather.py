"""Gathers what the leading agent decides on. The order of the reads is a rule: rows before etcd's list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordination import rows
from coordination.instances import GroupInstance
from coordination.members import MemberState
from coordination.names import (
    BOOT_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
)
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import TableReader
from coordination.record import Phase
from coordination.retention import OldRow, old_rows
from coordination.rows import understood, unreadable
from coordination.termination import States
from userdata.agent.observe import conditions
from userdata.agent.observe.snapshot import LeaderRows, Nodes, Snapshot
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView
from userdata.logs.lines import StageFailed
from userdata.pki.inventory import HeldCertificate

# One scan: nobody knows which members and conditions there are, and boot rows that may go are found by it, too.
_READ = (CLUSTER_ITEM, OBSERVATION_ITEM, MEMBER_ITEM_PREFIX, CONDITION_ITEM_PREFIX, BOOT_ITEM_PREFIX)


@dataclass(frozen=True)
class ObservationSources:
    """Where a look gets what it sees. None of them raises."""

    instance_id: str
    table: TableReader
    etcd: Callable[[], Reading[EtcdView]]
    states: States
    """EC2's words for instances (coordination.adapters.instances)."""
    instances: Callable[[], Reading[tuple[GroupInstance, ...]]]
    """Every instance of the cluster's groups."""
    nodes: Callable[[], Reading[Nodes]]
    certificates: Callable[[], Sequence[HeldCertificate]]
    """This node's own."""
    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


def gather(sources: ObservationSources) -> Snapshot | None:
    """One look, None while the cluster is not ready. Raises StageFailed where nothing could be decided on it."""
    # Rows before etcd's list: a row that says voter then belongs to a member that was added before.
    table = read(sources.table)
    if table.record.phase is not Phase.READY:
        return None
    view = sources.etcd()
    if isinstance(view, Known) and hexadecimal(view.value.listed.cluster_id) != table.record.etcd_cluster_id:
        raise StageFailed(f"the etcd here is {hexadecimal(view.value.listed.cluster_id)}, and not the record's")
    instances = sources.instances()
    named = {row.instance_id for row in table.members if row.state is not MemberState.REMOVED}
    now = sources.wall()
    old: list[OldRow] = []
    if isinstance(instances, Known):
        named |= conditions.waiting(table.conditions, conditions.of_slots(table.boots, instances.value))
        listed = {each.instance_id for each in instances.value}
        old = old_rows(table.rows, table.record, listed, int(now))
        named |= {row.instance_id for row in old if row.instance_id not in listed}
    return Snapshot(
        instance_id=sources.instance_id,
        table=table,
        view=view,
        instances=instances,
        old_rows=old,
        states=sources.states(named),
        nodes=sources.nodes(),
        certificates=sources.certificates(),
        now=now,
        steady=sources.steady(),
    )


def read(table: TableReader) -> LeaderRows:
    """The rows. Raises StageFailed where they are unknown, or where there is no record.

    A condition that cannot be understood is ignored: a person typed it, and `status` names it. So is a boot row:
    instances write their own, and none may blind the agents. A member row that cannot be understood is told of.
    """
    reading = rows.read(table, _READ)
    if isinstance(reading, Unknown):
        raise StageFailed(reading.reason)
    found = reading.value
    if isinstance(found.record, Unknown):
        raise StageFailed(found.record.reason)
    record = found.record.value
    if record is None:
        raise StageFailed("there is no cluster record")
    return LeaderRows(
        record=record,
        members=tuple(sorted(found.members_of(record.epoch).values(), key=lambda row: row.instance_id)),
        unread=unreadable(found.members),
        conditions=understood(found.conditions),
        boots=tuple(understood(found.boots).values()),
        last=found.observation.value if isinstance(found.observation, Known) else None,
        rows=found,
    )
