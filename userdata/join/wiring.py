"""Puts together what publishes join data from a control plane: for the founder, and for the agents."""

from __future__ import annotations

from pathlib import Path

from coordination.adapters.table import ClusterTable
from coordination.outcomes import Known, Unknown
from userdata.host.etcd_disk import EtcdDisk
from userdata.join.policy import OwnCluster
from userdata.join.store import JoinStore
from userdata.join.tokens import JoinTokens
from userdata.kube.client import Api
from userdata.kubeadm.places import API_PORT
from userdata.pki.placing import CLUSTER_CA


def join_tokens(
    root: Path, endpoint: str, table: ClusterTable, store: JoinStore, api: Api, token_seconds: int
) -> JoinTokens:
    """What keeps the join data good, by the API server of this node. `endpoint` is the API's name for workers."""
    disk = EtcdDisk(root)

    def here() -> Known[OwnCluster] | Unknown:
        identity = disk.read().identity
        if identity is None:
            return Unknown("the file that says whose etcd data is on this node is missing or unreadable")
        try:
            bundle = (root / CLUSTER_CA.lstrip("/")).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            return Unknown(f"{CLUSTER_CA} cannot be read: {type(error).__name__}")
        return Known(OwnCluster(identity.etcd_cluster_id, f"https://{endpoint}:{API_PORT}", bundle))

    return JoinTokens(api, table, store, here, token_seconds)
