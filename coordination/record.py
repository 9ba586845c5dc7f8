"""The `cluster` item: which cluster this table belongs to, who may found or restore it, and in which phase it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordination.fields import one_of, optional_text, text, whole_number
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Item
from coordination.writes import Value, as_item


class Phase(StrEnum):
    """The cluster's phase. It may turn to deleting from every other one, and nothing leaves deleting."""

    CLAIMED = "claimed"
    READY = "ready"
    RESTORING = "restoring"
    DELETING = "deleting"


@dataclass(frozen=True)
class ClusterRecord:
    """The record. `epoch` only grows; it is 0 where a cluster was deleted before anyone claimed it."""

    cluster_id: str
    phase: Phase
    epoch: int
    owner: str = ""
    """The instance that claimed the epoch; empty where it released its claim."""
    counter: int = 0
    """Grows with every claim and every renewal, and never goes back."""
    pki_epoch: int = 0
    """The epoch whose set of keys is in use; 0 before there is one."""
    etcd_cluster_id: str = ""
    """The etcd cluster of the last ready epoch; empty before there was one."""
    row_version: int = 0
    """Grows by one with every new member row."""
    restore_from: str = ""
    """What the restore of this epoch starts from, while it is restoring."""
    ca_hashes: str = ""
    """The hashes of the authority whose keys are in use, with commas between them, as kubeadm's caCertHashes has them.
    A worker compares with them what it was told to believe."""

    kubernetes_version: str = ""
    """The version of the control plane, as `v1.37.2`; empty before there was one."""

    def fields(self) -> dict[str, Value]:
        """The fields that store it; None stands for a field that is not there."""
        return {
            "ClusterId": self.cluster_id,
            "Phase": self.phase.value,
            "Epoch": self.epoch,
            "Owner": self.owner or None,
            "Counter": self.counter,
            "PkiEpoch": self.pki_epoch,
            "CaHashes": self.ca_hashes or None,
            "EtcdClusterId": self.etcd_cluster_id or None,
            "RowVersion": self.row_version,
            "RestoreFrom": self.restore_from or None,
            "KubernetesVersion": self.kubernetes_version or None,
        }

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(CLUSTER_ITEM, self.fields())


def cluster_record(item: Item) -> ClusterRecord:
    """The record that `item` holds. Raises Malformed."""
    phase = Phase(one_of(item, "Phase", Phase))
    # Only a deletion can write the record without these: it does not wait for a founder.
    missing = 0 if phase is Phase.DELETING else None
    was_ready = phase in (Phase.READY, Phase.RESTORING)
    return ClusterRecord(
        cluster_id=text(item, "ClusterId"),
        phase=phase,
        epoch=whole_number(item, "Epoch", default=missing),
        owner=optional_text(item, "Owner"),
        counter=whole_number(item, "Counter", default=missing),
        pki_epoch=whole_number(item, "PkiEpoch", default=missing),
        ca_hashes=optional_text(item, "CaHashes"),
        etcd_cluster_id=text(item, "EtcdClusterId") if was_ready else optional_text(item, "EtcdClusterId"),
        row_version=whole_number(item, "RowVersion", default=missing),
        restore_from=text(item, "RestoreFrom") if phase is Phase.RESTORING else "",
        kubernetes_version=optional_text(item, "KubernetesVersion"),
    )
