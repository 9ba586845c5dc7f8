"""What a pass tells CloudWatch: how it found the cluster, and what it cost. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from coordination import metrics
from coordination.instances import Groups
from coordination.members import Member, MemberState
from coordination.metrics import CONDITIONS, Metric, Unit, Values
from coordination.names import MetricName
from coordination.operations import Operation
from coordination.outcomes import Known, Reading
from coordination.record import ClusterRecord
from coordination.rows import Rows, understood
from functions.reconcile.gather import unknowns
from functions.reconcile.snapshot import Snapshot

PASS = Metric(MetricName.PASS_DURATION, Unit.MILLISECONDS)
CALLS = Metric(MetricName.AWS_CALLS, Unit.COUNT)
UNKNOWN_READINGS = Metric(MetricName.UNKNOWN_READINGS, Unit.COUNT)
HELD_HOOKS = Metric(MetricName.HELD_HOOKS, Unit.COUNT)
OLDEST_HOOK = Metric(MetricName.OLDEST_HOOK_AGE, Unit.SECONDS)
OPERATIONS = Metric(MetricName.OPERATIONS_IN_FLIGHT, Unit.COUNT)
OPERATION_AGE = Metric(MetricName.OPERATION_AGE, Unit.SECONDS)
SLOTS_WHOLE = Metric(MetricName.SLOTS_WHOLE, Unit.COUNT)
OBSERVATION_AGE = Metric(MetricName.OBSERVATION_AGE, Unit.SECONDS)

ALL = (
    CONDITIONS,
    HELD_HOOKS,
    OLDEST_HOOK,
    OPERATIONS,
    OPERATION_AGE,
    SLOTS_WHOLE,
    OBSERVATION_AGE,
    UNKNOWN_READINGS,
    CALLS,
    PASS,
)


def lines(cluster_uuid: str, snapshot: Snapshot, milliseconds: float, calls: int | None) -> list[str]:
    """The lines of one pass, for its log: `milliseconds` and requests to AWS are what it took."""
    names = list(snapshot.rows.value.conditions) if isinstance(snapshot.rows, Known) else None
    values = {
        **found(snapshot),
        CONDITIONS: None if names is None else len(names),
        UNKNOWN_READINGS: len(unknowns(snapshot)),
        CALLS: calls,
        PASS: milliseconds,
    }
    return metrics.lines(cluster_uuid, snapshot.now, values, metrics.classes(names or ()))


def found(snapshot: Snapshot) -> Values:
    """How a pass found the cluster: before its own actions."""
    groups = snapshot.groups.value if isinstance(snapshot.groups, Known) else None
    if not isinstance(snapshot.rows, Known):
        return {HELD_HOOKS: None if groups is None else len(_held(groups))}
    rows, now = snapshot.rows.value, snapshot.now
    return {
        **_operation(rows.operation, now),
        **({} if groups is None else _of_groups(groups, rows, now)),
        OBSERVATION_AGE: _observation_age(rows, now),
    }


def _of_groups(groups: Groups, rows: Rows, now: int) -> Values:
    held, members = _held(groups), understood(rows.members)
    # Since a member's row says it; an instance that is no member is held for one pass.
    since = [row.hook_since for name in held if (row := members.get(name)) is not None and row.hook_since is not None]
    return {
        HELD_HOOKS: len(held),
        OLDEST_HOOK: 0 if not held else max((now - each for each in since), default=None),
        SLOTS_WHOLE: _whole(groups, members, rows.record),
    }


def _held(groups: Groups) -> list[str]:
    return [each.instance_id for each in groups.instances if each.waits_to_terminate]


def _operation(reading: Reading[Operation | None], now: int) -> Values:
    if not isinstance(reading, Known):
        return {}
    flies = reading.value is not None and reading.value.outcome is None
    age = now - reading.value.requested_at if reading.value is not None and flies else 0
    return {OPERATIONS: int(flies), OPERATION_AGE: age}


def _whole(groups: Groups, members: Mapping[str, Member], record: Reading[ClusterRecord | None]) -> int | None:
    """How many slots have one instance, in service, that is a voter of this epoch and does its work."""
    if not isinstance(record, Known) or record.value is None:
        return None
    epoch, whole = record.value.epoch, 0
    for slot in groups.slots:
        inside = [each for each in groups.instances if each.slot == slot.slot]
        row = members.get(inside[0].instance_id) if len(inside) == 1 and inside[0].is_in_service else None
        whole += row is not None and (row.epoch, row.state, row.silent_since) == (epoch, MemberState.VOTER, None)
    return whole


def _observation_age(rows: Rows, now: int) -> int | None:
    """None while no agent has ever looked."""
    if not isinstance(rows.observation, Known) or rows.observation.value is None:
        return None
    # The clock of the node that looked may be ahead.
    return max(0, now - rows.observation.value.observed_at)
