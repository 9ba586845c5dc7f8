"""`kubeadm certs renew all`: its configuration and its command."""

from __future__ import annotations

from userdata.kubeadm.cluster import Cluster, cluster_configuration
from userdata.kubeadm.documents import text
from userdata.kubeadm.init_config import local_endpoint
from userdata.kubeadm.places import KUBEADM_FOLDER

RENEW_FILE = f"{KUBEADM_FOLDER}/renew.json"
COMMAND = ("kubeadm", "certs", "renew", "all", "--config", RENEW_FILE)
"""Without a configuration kubeadm asks the cluster, and where that does not answer it silently takes its own defaults:
certificates of a year, whatever the cluster's lifetimes are."""


def configuration(cluster: Cluster, address: str) -> str:
    """The content of RENEW_FILE. `address` is the node's own."""
    return text(local_endpoint(address), cluster_configuration(cluster))
