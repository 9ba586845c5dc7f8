"""The boot table as one pure function: docs/architecture.md, "How a node decides", has the same rows in words.

Kubelet and etcd are not enabled at boot. They are started after this function said so, and by nothing else.
"""

from __future__ import annotations

from coordination.claims import claim_first, claim_next
from coordination.conditions import QUORUM_LOST, upgrade_refused
from coordination.members import MemberState
from coordination.outcomes import Known, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.versions import why_no_control_plane
from userdata.boot.actions import (
    AbandonLaunch,
    Action,
    EvaluateRestore,
    Join,
    Resume,
    Start,
    Stop,
    TakeClaim,
    Wait,
    WaitForHuman,
)
from userdata.boot.snapshot import Reach, Snapshot


def decide(snapshot: Snapshot) -> Action:
    """What to do now. The same snapshot always gives the same action; after a refusal or a doubt, look again."""
    if isinstance(snapshot.record, Unknown):
        return _without_record(snapshot, snapshot.record.reason)
    record = snapshot.record.value
    if record is None:
        return _first(snapshot)
    if record.phase is Phase.DELETING:
        return Stop("the cluster is being deleted")
    if record.cluster_id != snapshot.node.cluster_id:
        return Stop(f"the table belongs to the cluster {record.cluster_id}")
    if record.phase is Phase.READY:
        return _with_data(snapshot, record) if snapshot.disk.has_data else _without_data(snapshot, record)
    return _claimed(snapshot, record)


def _without_record(snapshot: Snapshot, doubt: str) -> Action:
    """A member starts what it has: a restore, which would forbid it, needs this instance to be terminated first."""
    identity = snapshot.disk.identity
    if snapshot.disk.has_marker and identity is not None and identity.node == snapshot.node:
        return Start(f"the record cannot be read ({doubt}), and this instance was a member")
    return Wait(f"the record cannot be read: {doubt}")


def _first(snapshot: Snapshot) -> Action:
    if snapshot.disk.has_data:
        # No step makes etcd data before there is a record, and none deletes the record.
        return Stop("the cluster record has disappeared, though this instance has data of a cluster: restore the table")
    node = snapshot.node
    return TakeClaim("there is no record yet", claim_first(node.cluster_id, node.instance_id))


def _with_data(snapshot: Snapshot, record: ClusterRecord) -> Action:
    identity = snapshot.disk.identity
    if identity is None:
        return AbandonLaunch(f"its etcd data is partial, and epoch {record.epoch} is ready without it")
    # Not the other instance's, either: a disk that was copied holds the keys of a member that lives.
    if identity.node != snapshot.node or identity.etcd_cluster_id != record.etcd_cluster_id:
        return AbandonLaunch(f"its etcd data is of epoch {identity.epoch} and not of the cluster that is ready")
    if isinstance(snapshot.row, Unknown):
        return Wait(f"whether it was removed is unknown: {snapshot.row.reason}")
    row = snapshot.row.value
    if row is not None and row.epoch != record.epoch:
        row = None
    if row is not None and row.is_out(record.epoch):
        return AbandonLaunch("it was removed from etcd")
    return Resume(
        f"its etcd data is of epoch {record.epoch}, which is ready",
        write_marker=not snapshot.disk.has_marker,
        promoted=row is not None and row.state is MemberState.VOTER,
    )


def _without_data(snapshot: Snapshot, record: ClusterRecord) -> Action:
    # Unknown holds nobody up here: the write of a joiner's row is refused where it says removed.
    row = snapshot.row.value if isinstance(snapshot.row, Known) else None
    if row is not None and row.is_out(record.epoch):
        return AbandonLaunch("its row says that it must not become a member any more")
    if snapshot.reach is Reach.QUORUM:
        why = why_no_control_plane(snapshot.kubernetes_version, record.kubernetes_version)
        if why is not None:
            return WaitForHuman(
                upgrade_refused(snapshot.node.instance_id),
                f"{snapshot.node.instance_id} does not join: {why}",
                f"Deploy an image with Kubernetes {record.kubernetes_version}; this release cannot change the version.",
            )
        return Join(f"epoch {record.epoch} is ready and serves", record)
    if snapshot.reach is Reach.NO_QUORUM:
        return WaitForHuman(
            QUORUM_LOST,
            "members of etcd answer, and no majority of them does",
            "Bring members back. This release takes no backups: once all are terminated, the cluster's data is lost.",
        )
    if snapshot.reach is Reach.UNASKED:
        return Wait(f"epoch {record.epoch} is ready, and its members could not be asked yet")
    return EvaluateRestore(f"epoch {record.epoch} is ready and no member answers", record)


def _claimed(snapshot: Snapshot, record: ClusterRecord) -> Action:
    """Epochs that are claimed, or being restored, and not ready."""
    node = snapshot.node
    what = f"epoch {record.epoch} is {record.phase}"
    claim = claim_next(record, node.instance_id)
    if record.owner == node.instance_id:
        # Never continued: the keys of two runs would mix.
        return TakeClaim(f"{what} by this node, which restarted", claim, wipe=True)
    if snapshot.disk.has_data:
        return AbandonLaunch(
            f"{what} by {record.owner or 'nobody'}, and the etcd data here is of another cluster or epoch"
        )
    if not record.owner:
        return TakeClaim(f"{what}, and its owner released the claim", claim)
    if isinstance(snapshot.owner_gone, Unknown):
        return Wait(f"{what}; whether {record.owner} is terminated is unknown: {snapshot.owner_gone.reason}")
    if not snapshot.owner_gone.value:
        return Wait(f"{what} by {record.owner}, which is not terminated")
    if not snapshot.owner_still:
        return Wait(f"{what} by {record.owner}, which is terminated; its lease has not expired yet")
    return TakeClaim(f"{what} by {record.owner}, which is terminated", claim)
