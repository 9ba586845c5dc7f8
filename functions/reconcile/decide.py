"""The decisions of a pass, as one pure function of a snapshot.

Rules: the hook of an instance of which anything is unknown is never completed; a control plane's is completed when no
row says that etcd knows it, when it is the only member that its epoch ever had and is known to be unresponsive
(coordination.release_grants), or when the cluster is being deleted and the table says so. Ending a membership needs an
agent on a member, so what waits for it is held here and named in a condition.
"""

from __future__ import annotations

from coordination.instances import GroupInstance
from coordination.members import MemberState
from coordination.names import CONTROL_PLANE_ROLE, WORKER_ROLE, member_item
from coordination.outcomes import Known, NoTable, Unknown
from coordination.record import Phase
from coordination.rows import Rows, understood
from coordination.stacks import SETTLED_STATES
from functions.reconcile import deletion, sizes
from functions.reconcile.actions import (
    Action,
    ClearCondition,
    CompleteHook,
    Heartbeat,
    ProtectTable,
    SetCondition,
    Wait,
)
from functions.reconcile.hold_condition import held, is_hold
from functions.reconcile.snapshot import Snapshot


def decide(snapshot: Snapshot) -> list[Action]:
    """What to do now, in this order. The same snapshot always gives the same actions."""
    stage = deletion.stage(snapshot)
    if stage is not None:
        return deletion.decide(snapshot, stage)
    if isinstance(snapshot.instances, Unknown):
        return [Wait("groups", snapshot.instances.reason), *_protection(snapshot)]

    released: list[Action] = []
    kept: list[Heartbeat] = []
    conditions: list[Action] = []
    retained: list[Action] = []
    for instance in snapshot.instances.value:
        if instance.is_retained:
            # Its removal from etcd comes first, and that needs an agent.
            retained.append(
                Wait(instance.instance_id, "it is retained: a person terminates it, or the deletion of the cluster")
            )
        if not instance.waits_to_terminate:
            continue
        verdict = _verdict(instance, snapshot)
        if isinstance(verdict, CompleteHook):
            released.append(verdict)
        else:
            kept.append(verdict)
            conditions += _name(instance, verdict.reason, snapshot)
    return [
        *kept,
        *released,
        *sizes.starts(snapshot),
        *conditions,
        *_outdated(kept, snapshot),
        *_protection(snapshot),
        *retained,
    ]


def _verdict(instance: GroupInstance, snapshot: Snapshot) -> CompleteHook | Heartbeat:
    """Whether a terminating instance may go."""
    if isinstance(snapshot.lease, Unknown):
        return Heartbeat(instance, f"whether another pass runs is unknown: {snapshot.lease.reason}")
    if isinstance(snapshot.rows, Unknown):
        return Heartbeat(instance, f"whether it is a member is unknown: {snapshot.rows.reason}")
    rows = snapshot.rows.value
    doubt = membership(instance, rows, snapshot.cluster_id)
    if doubt is not None:
        why = release_granted(instance, rows, snapshot.cluster_id)
        return Heartbeat(instance, doubt) if why is None else CompleteHook(instance, why)
    if instance.role == CONTROL_PLANE_ROLE:
        return CompleteHook(instance, "no row says that it is a member of etcd")
    if instance.role == WORKER_ROLE:
        return CompleteHook(instance, "a worker; its pods were not drained")
    return Heartbeat(instance, f"its group {instance.group} has the role {instance.role!r}")


def membership(instance: GroupInstance, rows: Rows, cluster_id: str) -> str | None:
    """Why the instance may be a member of etcd; None if it certainly is none."""
    if isinstance(rows.record, Unknown):
        return f"the cluster record is unknown: {rows.record.reason}"
    record = rows.record.value
    if record is not None and record.cluster_id != cluster_id:
        return f"the cluster record belongs to {record.cluster_id}"
    row = rows.members.get(instance.instance_id)
    if row is None:
        return None
    if isinstance(row, Unknown):
        return f"its row is unknown: {row.reason}"
    # A restore starts a new epoch, and only after every member of the one before is gone.
    if record is not None and row.value.epoch < record.epoch:
        return None
    if row.value.state is MemberState.REMOVED:
        return None
    return f"{member_item(instance.instance_id)} is {row.value.state}: etcd has to remove it first"


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
    if any(isinstance(each, Unknown) or each.value.epoch >= said.epoch for each in others):
        return None
    return f"it is the only member that epoch {said.epoch} ever had, and {said.by} found that it does not answer"


def _name(instance: GroupInstance, reason: str, snapshot: Snapshot) -> list[Action]:
    """The condition that a held instance needs, unless it is stored already."""
    if isinstance(snapshot.rows, NoTable):
        return []
    stored = understood(snapshot.rows.value.conditions) if isinstance(snapshot.rows, Known) else {}
    wanted = held(instance, reason, snapshot.now)
    present = stored.get(wanted.name)
    if present is None:
        return [SetCondition(wanted, None, reason)]
    if (present.reason, present.next_step) == (wanted.reason, wanted.next_step):
        return []
    return [SetCondition(held(instance, reason, present.since), present, reason)]


def _outdated(kept: list[Heartbeat], snapshot: Snapshot) -> list[Action]:
    """The conditions about instances that are not held any more."""
    if isinstance(snapshot.rows, Unknown) or isinstance(snapshot.lease, Unknown):
        return []
    names = {held(action.instance, "", 0).name for action in kept}
    stored = understood(snapshot.rows.value.conditions)
    return [
        ClearCondition(stored[name], "no terminating hook holds the instance for this any more")
        for name in sorted(stored)
        if is_hold(name) and name not in names
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
