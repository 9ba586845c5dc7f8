"""The decisions of a pass, as one pure function of a snapshot.

Rules: the hook of an instance of which anything is unknown is never completed; a control plane's is completed when no
row says that etcd knows it, when it is the only member that its epoch ever had and is known to be unresponsive
(coordination.release_grants), or when the cluster is being deleted and the table says so. A worker without a row is
drained first, in bounded time (functions.reconcile.drains). A retained instance is terminated by the same rules. Ending
a membership needs an agent on a member: functions.reconcile.membership asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import CONTROL_PLANE_ROLE, WORKER_ROLE
from coordination.outcomes import Known, NoTable, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.rows import Rows, understood
from coordination.stacks import SETTLED_STATES
from functions.reconcile import deletion, drains, group_rules, membership, replacements, sizes
from functions.reconcile.actions import (
    AcceptReplacement,
    Action,
    ClearCondition,
    CompleteHook,
    EndSurplus,
    Heartbeat,
    NoteHook,
    ProtectTable,
    SetCondition,
    StartTimer,
    TerminateRetained,
    Wait,
)
from functions.reconcile.hold_condition import Held, condition_of, is_hold
from functions.reconcile.removals import Hold
from functions.reconcile.snapshot import Snapshot

_NO_CLUSTER = Unknown("no cluster is ready that could remove it")


def decide(snapshot: Snapshot) -> list[Action]:
    """What to do now, in this order. The same snapshot always gives the same actions."""
    stage = deletion.stage(snapshot)
    if stage is not None:
        return deletion.decide(snapshot, stage)
    if isinstance(snapshot.groups, Unknown):
        return [Wait("groups", snapshot.groups.reason), *_protection(snapshot), *deletion.unbelieved(snapshot)]

    members = membership.decide(snapshot)
    found = group_rules.decide(snapshot)
    released: list[Action] = []
    kept: list[Action] = []
    conditions: list[Action] = []
    names: set[str] = set()
    for instance in snapshot.groups.value.instances:
        if not instance.waits_to_terminate and not instance.is_retained:
            continue
        if drains.is_drained_first(instance, snapshot):
            continue
        verdict = _verdict(instance, snapshot, members.holds)
        if not isinstance(verdict, Held):
            released.append(verdict)
            continue
        if instance.waits_to_terminate:
            kept.append(Heartbeat(instance, verdict.reason))
            if verdict.row is not None and verdict.row.hook_since is None:
                kept.append(NoteHook(verdict.row, "a terminating hook holds it"))
        else:
            kept.append(Wait(instance.instance_id, f"it is retained: {verdict.reason}"))
        if (wanted := condition_of(verdict, snapshot.now, snapshot.table)) is not None:
            names.add(wanted.name)
            conditions += _name(wanted, snapshot)
    for each in (*members.conditions, *found.conditions):
        names.add(each.name)
        conditions += _name(each, snapshot)
    return [
        *kept,
        *released,
        *sizes.starts(snapshot),
        *_put_off(members.actions, kept),
        # Behind what etcd needs, for there may be many workers.
        *drains.decide(snapshot),
        *_put_off(replacements.decide(snapshot), kept),
        *_put_off(found.actions, kept),
        *conditions,
        *_outdated(names, members.undecided, snapshot),
        *_protection(snapshot),
        # Last, for the address may be anybody's, and take long.
        *deletion.unbelieved(snapshot),
    ]


def _put_off(actions: Collection[Action], kept: Collection[Action]) -> list[Action]:
    """What is not pressing waits for a pass that notes no hook: the note wakes the next one, and a pass sends twelve
    requests at most (tests/unit/functions/test_calls.py)."""
    noted = any(isinstance(each, NoteHook) for each in kept)
    return [each for each in actions if not (noted and isinstance(each, StartTimer | EndSurplus | AcceptReplacement))]


def _verdict(
    instance: GroupInstance, snapshot: Snapshot, holds: Mapping[str, Hold]
) -> CompleteHook | TerminateRetained | Held:
    """Whether an instance may go that a terminating hook holds, or that its group retains."""
    if isinstance(snapshot.lease, Unknown):
        return Held(instance, Unknown(f"whether another pass runs is unknown: {snapshot.lease.reason}"))
    if isinstance(snapshot.rows, Unknown):
        return Held(instance, Unknown(f"whether it is a member is unknown: {snapshot.rows.reason}"))
    rows = snapshot.rows.value
    why = may_be_member(instance, rows, snapshot.cluster_id)
    if isinstance(why, Unknown):
        return Held(instance, why)
    if isinstance(why, Member):
        granted = release_granted(instance, rows, snapshot.cluster_id)
        if granted is None:
            return Held(instance, holds.get(instance.instance_id, _NO_CLUSTER), why)
        return _let_go(instance, granted)
    if instance.role == CONTROL_PLANE_ROLE:
        reason = "no row says that it is a member of etcd"
        if instance.instance_id in rows.members or not isinstance(rows.record, Known):
            return _let_go(instance, reason)
        record = rows.record.value
        without_row = record is not None and record.phase is Phase.READY
        return _let_go(instance, reason, record if without_row else None)
    if instance.role == WORKER_ROLE:
        # Without a row it would be drained first (functions.reconcile.drains).
        return _let_go(instance, "a worker that is no member of etcd any more")
    return Held(instance, Unknown(f"its group {instance.group} has the role {instance.role!r}"))


def _let_go(
    instance: GroupInstance, reason: str, bars: ClusterRecord | None = None
) -> CompleteHook | TerminateRetained:
    return TerminateRetained(instance, reason) if instance.is_retained else CompleteHook(instance, reason, bars)


def may_be_member(instance: GroupInstance, rows: Rows, cluster_id: str) -> Member | Unknown | None:
    """The instance's row where it may be a member of etcd, None where it certainly is none."""
    if isinstance(rows.record, Unknown):
        return Unknown(f"the cluster record is unknown: {rows.record.reason}")
    record = rows.record.value
    if record is not None and record.cluster_id != cluster_id:
        return Unknown(f"the cluster record belongs to {record.cluster_id}")
    row = rows.members.get(instance.instance_id)
    if row is None:
        return None
    if isinstance(row, Unknown):
        return Unknown(f"its row is unknown: {row.reason}")
    # A restore starts a new epoch, and only after every member of the one before is gone.
    if record is not None and row.value.epoch < record.epoch:
        return None
    return None if row.value.state is MemberState.REMOVED else row.value


def release_granted(instance: GroupInstance, rows: Rows, cluster_id: str) -> str | None:
    """Why a member need not be held; None where it has to be.

    Nobody has written a member's row since the one who looked had read the record and then the rows, so nobody has
    joined it. The rows are counted here, too.
    """
    # One that cannot be understood is none: its member is held.
    said = understood(rows.release_grants).get(instance.instance_id)
    record, row = rows.record, rows.members.get(instance.instance_id)
    if said is None or not isinstance(record, Known) or record.value is None or not isinstance(row, Known):
        return None
    if record.value.cluster_id != cluster_id or not said.holds(record.value) or row.value.epoch != said.epoch:
        return None
    others = [each for name, each in rows.members.items() if name != instance.instance_id]
    if any(
        isinstance(each, Unknown) or (each.value.epoch >= said.epoch and not each.value.never_joined) for each in others
    ):
        return None
    return f"it is the only member that epoch {said.epoch} ever had, and {said.by} found that it does not answer"


def _name(wanted: Condition, snapshot: Snapshot) -> list[Action]:
    """What stores a condition, unless it is stored already; it lasts since it was stored first."""
    if isinstance(snapshot.rows, NoTable):
        return []
    stored = understood(snapshot.rows.value.conditions) if isinstance(snapshot.rows, Known) else {}
    present = stored.get(wanted.name)
    if present is None:
        return [SetCondition(wanted, None, wanted.reason)]
    if (present.reason, present.next_step) == (wanted.reason, wanted.next_step):
        return []
    return [SetCondition(replace(wanted, since=present.since), present, wanted.reason)]


def _outdated(names: Collection[str], undecided: Collection[str], snapshot: Snapshot) -> list[Action]:
    """The conditions of this function for which there is no reason any more; nobody knows about those `undecided`."""
    if isinstance(snapshot.rows, Unknown) or isinstance(snapshot.lease, Unknown):
        return []
    if isinstance(snapshot.rows.value.record, Unknown):
        return []
    stored = understood(snapshot.rows.value.conditions)
    return [
        ClearCondition(stored[name], "there is no reason for it any more")
        for name in sorted(stored)
        if is_hold(name) and name not in names and name.rpartition("/")[2] not in undecided
    ]


def _protection(snapshot: Snapshot) -> list[Action]:
    """A first deploy that rolls back must be able to delete the table; afterwards nobody may."""
    if not isinstance(snapshot.root_status, Known) or snapshot.root_status.value not in SETTLED_STATES:
        return []
    if not isinstance(snapshot.rows, Known) or not isinstance(snapshot.rows.value.record, Known):
        return []
    record = snapshot.rows.value.record.value
    if record is not None and record.phase is Phase.DELETING:
        return []
    if snapshot.table_protected != Known(False):
        return []
    return [ProtectTable(f"the root stack is {snapshot.root_status.value}")]
