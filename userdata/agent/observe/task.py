"""The leading agent's look at the cluster: member rows made true, the observation published, conditions kept.

One look serves all three, so that a cluster is asked once. What cannot be seen is left as it is, and told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor
from typing import TypeVar

from coordination import rows
from coordination.boots import Boot
from coordination.conditions import Condition, condition
from coordination.fields import parsed
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import (
    BOOT_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    TABLE_KEY,
    condition_item,
)
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Done, Known, Reading, Unknown, Write
from coordination.ports import Table, TableReader
from coordination.record import ClusterRecord, Phase
from coordination.rows import understood, unreadable
from userdata.agent.observe import conditions, members
from userdata.agent.observe.conditions import Clear, Lasting, Set, Wanted
from userdata.agent.tasks import Task
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView
from userdata.logs.lines import StageFailed
from userdata.pki.inventory import HeldCertificate

PERIOD_SECONDS = 30.0
_READ = (CLUSTER_ITEM, MEMBER_ITEM_PREFIX, CONDITION_ITEM_PREFIX, BOOT_ITEM_PREFIX)
_ANYTHING: Mapping[str, object] = {}

Value = TypeVar("Value")


@dataclass(frozen=True)
class Nodes:
    """How many Nodes the cluster has, and how many of them are Ready."""

    all: int
    ready: int


@dataclass(frozen=True)
class Sources:
    """Where a look gets what it sees. None of them raises."""

    instance_id: str
    table: Table
    etcd: Callable[[], Reading[EtcdView]]
    states: Callable[[Collection[str]], Reading[Mapping[str, str | None]]]
    """EC2's words for instances (coordination.adapters.instances)."""
    instances: Callable[[], Reading[tuple[GroupInstance, ...]]]
    """Every instance of the cluster's groups."""
    nodes: Callable[[], Reading[Nodes]]
    certificates: Callable[[], Sequence[HeldCertificate]]
    """This node's own."""
    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Seen:
    """What the table says; member rows are those of the record's epoch."""

    record: ClusterRecord
    members: tuple[Member, ...]
    unread: Mapping[str, Unknown]
    """The members whose rows cannot be understood, of whatever epoch, by instance id."""
    conditions: Mapping[str, Condition]
    boots: tuple[Boot, ...]
    """Of every instance, so also what workers say of themselves."""


@dataclass
class Observer:
    """The leader's look, and every node's own look at its certificates."""

    sources: Sources
    _lasting: Lasting = field(default_factory=Lasting)

    def tasks(self, period_seconds: float = PERIOD_SECONDS) -> tuple[Task, Task]:
        """The leader's task, and the one that every node has."""
        return (
            Task("observe", period_seconds, self.observe, leader_only=True),
            Task("expiry", 10 * period_seconds, self.look_at_certificates, leader_only=False),
        )

    def observe(self) -> str:
        """Look once. Raises StageFailed with all that could not be seen or written, after doing the rest."""
        source = self.sources
        # Rows before etcd's list: a row that says voter then belongs to a member that was added before.
        seen = read(source.table)
        if seen.record.phase is not Phase.READY:
            return ""
        troubles = [each.reason for each in seen.unread.values()]
        view = _seen(source.etcd(), troubles)
        if view is not None and hexadecimal(view.listed.cluster_id) != seen.record.etcd_cluster_id:
            raise StageFailed(f"the etcd here is {hexadecimal(view.listed.cluster_id)}, and not the record's")
        present = [row for row in seen.members if row.state is not MemberState.REMOVED]
        groups = _seen(source.instances(), troubles)
        booting = None if groups is None else conditions.of_slots(seen.boots, groups)
        named = {row.instance_id for row in present} | conditions.tellers(seen.conditions, booting or ())
        states = _seen(source.states(named), troubles) or {}
        nodes = _seen(source.nodes(), troubles)
        now = source.wall()
        found = members.by_ec2(seen.members, states, int(now))
        if view is not None:
            found = [*members.by_etcd(seen.members, view.listed), *found]
        told = [each.reason for each in found if _write(source.table.apply(each.update), troubles)]
        observation = observed(source.instance_id, seen.record, view, nodes, source.certificates(), now)
        _write(source.table.put(observation.item(), _ANYTHING), troubles)
        told += self._keep_conditions(seen, booting, view, states, int(now), troubles)
        if troubles:
            raise StageFailed("; ".join([*told, *troubles]))
        return "; ".join(told)

    def look_at_certificates(self) -> str:
        """Set or clear this node's own condition. Raises StageFailed."""
        source = self.sources
        now = source.wall()
        wanted = conditions.of_certificates(source.instance_id, source.certificates(), datetime.fromtimestamp(now, UTC))
        own = Wanted(conditions.Kind.CERTIFICATE_EXPIRING, source.instance_id, "", "").name
        stored = parsed(source.table.get(condition_item(own)), condition)
        if isinstance(stored, Unknown):
            raise StageFailed(stored.reason)
        present = {} if stored.value is None else {own: stored.value}
        troubles: list[str] = []
        changes = conditions.changes(wanted, present, {own}, int(now))
        told = _apply(source.table, changes, troubles)
        if troubles:
            raise StageFailed("; ".join(troubles))
        return "; ".join(told)

    def _keep_conditions(
        self,
        table: Seen,
        booting: Sequence[Boot] | None,
        view: EtcdView | None,
        states: Mapping[str, str | None],
        now: int,
        troubles: list[str],
    ) -> list[str]:
        judged = conditions.left_behind(table.conditions, table.members) - {
            # Whether it is a member is not known.
            Wanted(conditions.Kind.CERTIFICATE_EXPIRING, name, "", "").name
            for name in table.unread
        }
        if booting is not None:
            judged |= conditions.told_no_more(table.conditions, booting, states)
        wanted: list[Wanted] = []
        if view is not None:
            seen = conditions.of_etcd(view, table.members, states, table.unread)
            wanted = self._lasting.of(seen, self.sources.steady())
            # One that was stored by the leader before stays while there is a reason, however short this one has looked.
            wanted += [each for each in seen if each.name in table.conditions and each not in wanted]
            judged |= conditions.judged_by(view, table.conditions)
        return _apply(self.sources.table, conditions.changes(wanted, table.conditions, judged, now), troubles)


def read(table: TableReader) -> Seen:
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
    own = sorted(
        (row for row in understood(found.members).values() if row.epoch == record.epoch),
        key=lambda row: row.instance_id,
    )
    return Seen(
        record,
        tuple(own),
        unreadable(found.members),
        understood(found.conditions),
        tuple(understood(found.boots).values()),
    )


def observed(
    by: str,
    record: ClusterRecord,
    view: EtcdView | None,
    nodes: Nodes | None,
    held: Sequence[HeldCertificate],
    now: float,
) -> ClusterObservation:
    """What is published of one look. `now` is in seconds since 1970."""
    moment = datetime.fromtimestamp(now, UTC)
    days = [
        each.certificate.value.days_left(moment)
        for each in held
        if isinstance(each.certificate, Known) and each.certificate.value is not None
    ]
    return ClusterObservation(
        observed_at=int(now),
        by=by,
        epoch=record.epoch,
        etcd_cluster_id="" if view is None else hexadecimal(view.listed.cluster_id),
        leader=hexadecimal(view.leader_id) if view is not None and view.leader_id else "",
        members=None if view is None else _members(view),
        size_bytes=None if view is None else max((each.size_bytes for each in view.statuses.values()), default=None),
        nodes=None if nodes is None else nodes.all,
        nodes_ready=None if nodes is None else nodes.ready,
        certificate_days=floor(min(days)) if days else None,
    )


def _members(view: EtcdView) -> tuple[SeenMember, ...]:
    return tuple(
        SeenMember(
            hexadecimal(each.member_id),
            each.name,
            each.is_learner,
            view.problems.get(each.member_id, "it was not asked"),
        )
        for each in view.listed.members
    )


def _seen(reading: Reading[Value], troubles: list[str]) -> Value | None:
    if isinstance(reading, Unknown):
        troubles.append(reading.reason)
        return None
    return reading.value


def _write(outcome: Write, troubles: list[str]) -> bool:
    """Whether it was written. A conflict is no trouble: somebody knew more, and the next look sees it."""
    if isinstance(outcome, Unknown):
        troubles.append(outcome.reason)
    return isinstance(outcome, Done)


def _apply(table: Table, changes: Sequence[conditions.Change], troubles: list[str]) -> list[str]:
    told = []
    for change in changes:
        name = change.condition.name
        match change:
            case Set(condition=stored, replaces=replaces):
                expected: Mapping[str, object] = {TABLE_KEY: None} if replaces is None else {"Since": replaces.since}
                if _write(table.put(stored.item(), expected), troubles) and replaces is None:
                    told.append(f"set {name}: {stored.reason}")
            case Clear(condition=stored):
                if _write(table.delete(condition_item(name), {"Since": stored.since}), troubles):
                    told.append(f"cleared {name}")
    return told
