"""The writes that move the cluster record: claims, the pointer to the keys, ready, renewal, release.

Each names the epoch and the phase that it expects, so that none undoes what somebody did in between, and nothing leaves
deleting. The counter only ever grows by a write that is conditional on its old value: a pair of owner and counter, once
passed, never comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from coordination.members import Member
from coordination.names import CLUSTER_ITEM
from coordination.record import ClusterRecord, Phase
from coordination.writes import ABSENT, Transaction, Update, Value, update

# What a cluster is restored from that was lost before there was a backup: its keys are kept, its etcd starts empty.
FROM_NOTHING = "nothing"


@dataclass(frozen=True)
class Claim:
    """What to write, and the record that stands once it is done."""

    write: Update
    record: ClusterRecord


def claim_first(cluster_id: str, owner: str) -> Claim:
    """Epoch 1 of a cluster that has no record."""
    record = ClusterRecord(cluster_id, Phase.CLAIMED, epoch=1, owner=owner, counter=1)
    return Claim(update(CLUSTER_ITEM, record.fields(), ABSENT), record)


def claim_next(seen: ClusterRecord, owner: str) -> Claim:
    """The epoch after one that is not ready: one's own from before a restart, or that of an owner that is gone."""
    record = replace(seen, epoch=seen.epoch + 1, owner=owner, counter=seen.counter + 1)
    changes: dict[str, Value] = {"Epoch": record.epoch, "Owner": owner, "Counter": record.counter}
    expected: dict[str, Value] = {**_held(seen), "Counter": seen.counter}
    return Claim(update(CLUSTER_ITEM, changes, expected), record)


def claim_restoring(seen: ClusterRecord, owner: str, restore_from: str) -> Claim:
    """The epoch after a ready one whose members are all gone, to be restored from `restore_from`.

    Conditional on the row version that was read before the rows: a member that came since refuses it.
    """
    record = replace(
        seen,
        phase=Phase.RESTORING,
        epoch=seen.epoch + 1,
        owner=owner,
        counter=seen.counter + 1,
        restore_from=restore_from,
    )
    changes: dict[str, Value] = {
        "Epoch": record.epoch,
        "Phase": record.phase.value,
        "Owner": owner,
        "Counter": record.counter,
        "RestoreFrom": restore_from,
    }
    expected: dict[str, Value] = {
        "Epoch": seen.epoch,
        "Phase": Phase.READY.value,
        "RowVersion": seen.row_version,
    }
    return Claim(update(CLUSTER_ITEM, changes, expected), record)


def set_pki_epoch(claimed: ClusterRecord, ca_hashes: str = "") -> Update:
    """Point at the keys of the claimed epoch, whose set is complete."""
    changes: dict[str, Value] = {"PkiEpoch": claimed.epoch, "CaHashes": ca_hashes or None, "Owner": claimed.owner}
    return update(CLUSTER_ITEM, changes, _held(claimed))


def ready(claimed: ClusterRecord, etcd_cluster_id: str, kubernetes_version: str, row: Member) -> Transaction:
    """The claimed epoch is a cluster, with its owner's `row` as the first voter. From here on others see it."""
    changes: dict[str, Value] = {
        "Phase": Phase.READY.value,
        "EtcdClusterId": etcd_cluster_id,
        "RowVersion": claimed.row_version + 1,
        "RestoreFrom": None,
        "KubernetesVersion": kubernetes_version or None,
    }
    expected: dict[str, Value] = {**_held(claimed), "RowVersion": claimed.row_version}
    return Transaction((update(CLUSTER_ITEM, changes, expected), update(row.item_id, row.fields(), {})))


def renew(claimed: ClusterRecord) -> Claim:
    """The owner still works on its claim; `claimed` holds the counter that it wrote last."""
    record = replace(claimed, counter=claimed.counter + 1)
    changes: dict[str, Value] = {"Epoch": record.epoch, "Owner": claimed.owner, "Counter": record.counter}
    expected: dict[str, Value] = {**_held(claimed), "Counter": claimed.counter}
    return Claim(update(CLUSTER_ITEM, changes, expected), record)


def release_claim(claimed: ClusterRecord) -> Update:
    """The owner will not finish and says so, which counts as gone. Whatever it has started must be stopped before."""
    return update(CLUSTER_ITEM, {"Epoch": claimed.epoch, "Owner": None}, _held(claimed))


def _held(record: ClusterRecord) -> dict[str, Value]:
    return {"Epoch": record.epoch, "Phase": record.phase.value, "Owner": record.owner or None}
