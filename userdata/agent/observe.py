"""The leading agent's look at the cluster: member rows made true, the observation published, conditions kept.

One look serves all three, so that a cluster is asked once. What cannot be seen is left as it is, and told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor
from typing import Protocol, TypeVar

from coordination.boots import Boot, boot
from coordination.conditions import Condition, condition
from coordination.fields import Malformed
from coordination.members import Member, MemberState, member
from coordination.names import (
    BOOT_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    TABLE_KEY,
    condition_item,
)
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Done, Item, Known, Reading, Unknown, Write
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.writes import Update
from userdata.agent import conditions, members
from userdata.agent.conditions import Clear, Lasting, Set, Wanted
from userdata.agent.tasks import Task
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView
from userdata.logs.lines import StageFailed
from userdata.pki.inventory import HeldCertificate

PERIOD_SECONDS = 30.0
_READ = (CLUSTER_ITEM, MEMBER_ITEM_PREFIX, CONDITION_ITEM_PREFIX, BOOT_ITEM_PREFIX)
_ANYTHING: Mapping[str, object] = {}

Value = TypeVar("Value")


class Table(Protocol):
    """What is needed of the cluster table."""

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]: ...

    def apply(self, update: Update) -> Write: ...

    def put(self, item: Item, expected: Mapping[str, object]) -> Write: ...

    def delete(self, item_id: str, expected: Mapping[str, object]) -> Write: ...


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
    nodes: Callable[[], Reading[Nodes]]
    certificates: Callable[[], Sequence[HeldCertificate]]
    """This node's own."""
    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Rows:
    """What the table says; member rows are those of the record's epoch."""

    record: ClusterRecord
    members: tuple[Member, ...]
    conditions: Mapping[str, Condition]
    boots: tuple[Boot, ...]


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
        rows = read(source.table)
        if rows.record.phase is not Phase.READY:
            return ""
        troubles: list[str] = []
        view = _seen(source.etcd(), troubles)
        if view is not None and hexadecimal(view.listed.cluster_id) != rows.record.etcd_cluster_id:
            raise StageFailed(f"the etcd here is {hexadecimal(view.listed.cluster_id)}, and not the record's")
        present = [row for row in rows.members if row.state is not MemberState.REMOVED]
        named = {row.instance_id for row in present} | conditions.waiting(rows.conditions, rows.boots)
        states = _seen(source.states(named), troubles) or {}
        nodes = _seen(source.nodes(), troubles)
        now = source.wall()
        found = members.by_ec2(rows.members, states, int(now))
        if view is not None:
            found = [*members.by_etcd(rows.members, view.listed), *found]
        told = [each.reason for each in found if _write(source.table.apply(each.update), troubles)]
        observation = observed(source.instance_id, rows.record, view, nodes, source.certificates(), now)
        _write(source.table.put(observation.item(), _ANYTHING), troubles)
        told += self._keep_conditions(rows, view, states, int(now), troubles)
        if troubles:
            raise StageFailed("; ".join([*told, *troubles]))
        return "; ".join(told)

    def look_at_certificates(self) -> str:
        """Set or clear this node's own condition. Raises StageFailed."""
        source = self.sources
        now = source.wall()
        wanted = conditions.of_certificates(source.instance_id, source.certificates(), datetime.fromtimestamp(now, UTC))
        own = Wanted(conditions.Kind.CERTIFICATE_EXPIRING, source.instance_id, "", "").name
        troubles: list[str] = []
        changes = conditions.changes(wanted, read(source.table).conditions, {own}, int(now))
        told = _apply(source.table, changes, troubles)
        if troubles:
            raise StageFailed("; ".join(troubles))
        return "; ".join(told)

    def _keep_conditions(
        self,
        rows: Rows,
        view: EtcdView | None,
        states: Mapping[str, str | None],
        now: int,
        troubles: list[str],
    ) -> list[str]:
        judged = conditions.left_behind(rows.conditions, rows.members)
        judged |= conditions.named_no_more(rows.conditions, rows.boots, states)
        wanted: list[Wanted] = []
        if view is not None:
            seen = conditions.of_etcd(view, rows.members, states)
            wanted = self._lasting.of(seen, self.sources.steady())
            # One that was stored by the leader before stays while there is a reason, however short this one has looked.
            wanted += [each for each in seen if each.name in rows.conditions and each not in wanted]
            judged |= conditions.judged_by(view, rows.conditions)
        return _apply(self.sources.table, conditions.changes(wanted, rows.conditions, judged, now), troubles)


def read(table: Table) -> Rows:
    """The rows. Raises StageFailed where they are unknown, or where there is no record."""
    reading = table.items(_READ)
    if isinstance(reading, Unknown):
        raise StageFailed(reading.reason)
    by_key = {str(item[TABLE_KEY]): item for item in reading.value}
    if CLUSTER_ITEM not in by_key:
        raise StageFailed("there is no cluster record")
    try:
        record = cluster_record(by_key[CLUSTER_ITEM])
        found = [member(item) for key, item in by_key.items() if key.startswith(MEMBER_ITEM_PREFIX)]
        stored = [condition(item) for key, item in by_key.items() if key.startswith(CONDITION_ITEM_PREFIX)]
    except Malformed as error:
        raise StageFailed(str(error)) from error
    own = sorted((row for row in found if row.epoch == record.epoch), key=lambda row: row.instance_id)
    return Rows(record, tuple(own), {each.name: each for each in stored}, tuple(_boots(by_key)))


def _boots(by_key: Mapping[str, Item]) -> Iterator[Boot]:
    """Boot rows, but for those that cannot be understood: instances write their own, and none may blind the agents."""
    for key, item in by_key.items():
        if key.startswith(BOOT_ITEM_PREFIX):
            with suppress(Malformed):
                yield boot(item)


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
