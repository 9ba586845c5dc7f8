"""Whether a node that reaches no member may restore the cluster. Row 11c of the boot table leads here.

The order of the reads is part of the rule: the record with its row version, then the rows, then EC2. The claim is
conditional on that row version, so a member that came in between refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from coordination.approvals import Approval
from coordination.backups import Backup
from coordination.claims import FROM_NOTHING, claim_restoring
from coordination.conditions import RESTORE_BLOCKED, SNAPSHOT_TOO_OLD
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import CONTROL_PLANE_ROLE, RESTORE_APPROVAL_ITEM
from coordination.outcomes import Reading, Unknown
from coordination.record import ClusterRecord
from coordination.release_grants import ReleaseGrant
from userdata.boot.actions import GrantRelease, TakeClaim, Wait, WaitForHuman
from userdata.host.etcd_disk import ClusterNode


@dataclass(frozen=True)
class RestoreRules:
    """`slots` is how many control-plane nodes the cluster has, `oldest_backup_seconds` what may be lost unasked."""

    slots: int
    oldest_backup_seconds: int


@dataclass(frozen=True)
class Evidence:
    """`record` was read before `rows` (all epochs), and those before `gone`."""

    node: ClusterNode
    record: ClusterRecord
    rows: Reading[tuple[Member, ...]]
    gone: Reading[frozenset[str]]
    """Which of the judged instances are gone for good (coordination.termination)."""
    instances: Reading[tuple[GroupInstance, ...]]
    """Every instance of the cluster's groups."""
    booted: Reading[frozenset[str]]
    """Which instances of the slots have a boot row, whatever it says. Each wrote its own, before anything else."""
    silent: bool
    """Whether no member has answered this node for as long as a lease lasts, and no row was written meanwhile."""
    backup: Reading[Backup | None]
    approval: Reading[Approval | None]
    now: int


Verdict: TypeAlias = TakeClaim | GrantRelease | Wait | WaitForHuman


def required_terminated(rows: Iterable[Member], epoch: int, instance_id: str) -> frozenset[str]:
    """The instances that must be gone: whose row of this epoch says joining or voter, without one's own."""
    present = (row.instance_id for row in rows if row.epoch == epoch and row.state is not MemberState.REMOVED)
    return frozenset(present) - {instance_id}


def unreported(instances: Iterable[GroupInstance], rows: Iterable[Member], booted: Iterable[str]) -> frozenset[str]:
    """The instances of the slots of which no row speaks: whether they hold anything, nobody knows yet."""
    slots = {instance.instance_id for instance in instances if instance.role == CONTROL_PLANE_ROLE}
    return frozenset(slots - {row.instance_id for row in rows} - frozenset(booted))


def decide_restore(evidence: Evidence, rules: RestoreRules) -> Verdict:
    """Claim the next epoch to restore it, or wait; what only a person can end is a condition."""
    if isinstance(evidence.rows, Unknown):
        return Wait(f"the members' rows are unknown: {evidence.rows.reason}")
    # One that was let go before it had a row has never been a member.
    rows = [row for row in evidence.rows.value if row.epoch == evidence.record.epoch and not row.never_joined]
    # Only a failure can hide every row of a ready epoch: its first row was written with the phase itself.
    if all(row.state is MemberState.REMOVED for row in rows):
        return Wait(
            f"epoch {evidence.record.epoch} is ready, and no member# item of it was found, though there must be one"
        )
    if isinstance(evidence.gone, Unknown):
        return Wait(f"which members are terminated is unknown: {evidence.gone.reason}")
    members = required_terminated(rows, evidence.record.epoch, evidence.node.instance_id)
    # A cluster of one slot is complete with its only member.
    alone = len(rows) == 1 and rules.slots > 1
    left = members - evidence.gone.value
    if left and alone:
        return _alone(evidence, rows[0].instance_id)
    if left:
        return _blocked(left)
    if isinstance(evidence.instances, Unknown):
        return Wait(f"the groups' instances are unknown: {evidence.instances.reason}")
    if isinstance(evidence.booted, Unknown):
        return Wait(f"which instances have booted is unknown: {evidence.booted.reason}")
    if silent := unreported(evidence.instances.value, evidence.rows.value, evidence.booted.value):
        return Wait(f"{_listed(silent)} has no boot row yet: each writes one, or its launch hook runs out")
    return _from_backup(evidence, rules, members, alone=alone)


def _alone(evidence: Evidence, member: str) -> Verdict:
    """The only member that the epoch ever had does not answer, and its instance is still there."""
    what = f"{member}, the only member that epoch {evidence.record.epoch} ever had, does not answer"
    if isinstance(evidence.instances, Unknown):
        return Wait(f"{what}, and whether it is leaving is unknown: {evidence.instances.reason}")
    found = next((each for each in evidence.instances.value if each.instance_id == member), None)
    if found is not None and found.is_launching:
        return Wait(f"{what}: it comes back, or its launch hook ends it")
    if found is not None and found.is_leaving and not evidence.silent:
        return Wait(f"{what}, and it is terminating: it was unresponsive for less than a whole lease so far")
    if found is not None and found.is_leaving:
        record = evidence.record
        grant = ReleaseGrant(member, record.epoch, record.row_version, evidence.node.instance_id)
        return GrantRelease(f"{what}, and it is terminating: its hook may be completed", grant)
    return _blocked(frozenset({member}))


def _blocked(left: frozenset[str]) -> WaitForHuman:
    names = _listed(left)
    return WaitForHuman(
        RESTORE_BLOCKED,
        f"no member answers, and these may still hold newer data than any backup: {names}",
        f"Bring them back. If they are lost for good, lift DisableApiTermination of {names} and terminate them (one "
        "that is retained: by Auto Scaling's TerminateInstanceInAutoScalingGroup). This release takes no backups: what "
        "they hold is lost then.",
    )


def _from_backup(evidence: Evidence, rules: RestoreRules, members: frozenset[str], alone: bool) -> Verdict:
    """Every member is gone for good: what is there to restore from?"""
    if isinstance(evidence.backup, Unknown):
        return Wait(f"the newest backup is unknown: {evidence.backup.reason}")
    if isinstance(evidence.approval, Unknown):
        return Wait(f"whether a restore was approved is unknown: {evidence.approval.reason}")
    backup, approval = evidence.backup.value, evidence.approval.value
    approved = approval is not None and approval.covers(evidence.record.epoch, members)
    if backup is None:
        # The founder was lost before anyone joined it, so no cluster was ever complete, and nothing is backed up.
        if approved or alone:
            return _claim(evidence, FROM_NOTHING)
        return _too_old("there is no backup", "initialise an empty cluster", evidence, members)
    age_seconds = evidence.now - backup.taken_at
    if approved or age_seconds <= rules.oldest_backup_seconds:
        return _claim(evidence, backup.name)
    hours = age_seconds / 3600
    return _too_old(f"the newest backup is {hours:.1f} hours old", f"restore {backup.name}", evidence, members)


def _claim(evidence: Evidence, source: str) -> TakeClaim:
    claim = claim_restoring(evidence.record, evidence.node.instance_id, source)
    return TakeClaim(f"every member of epoch {evidence.record.epoch} is terminated; restoring from {source}", claim)


def _too_old(what: str, then: str, evidence: Evidence, members: frozenset[str]) -> WaitForHuman:
    return WaitForHuman(
        SNAPSHOT_TOO_OLD,
        f"every member is terminated, and {what}",
        f"To {then}, store {RESTORE_APPROVAL_ITEM} with Epoch {evidence.record.epoch}, "
        f"InstanceIds {_listed(members)} and Who.",
    )


def _listed(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
