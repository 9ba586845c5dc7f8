"""`kubeadm init`: its configuration and its command."""

from __future__ import annotations

from userdata.kubeadm.cluster import (
    API_VERSION,
    Cluster,
    cluster_configuration,
    kube_proxy_configuration,
    kubelet_configuration,
)
from userdata.kubeadm.documents import Document, Timeouts, seconds, text, timeouts
from userdata.kubeadm.node import Host, Node, registration
from userdata.kubeadm.places import API_PORT, INIT_FILE
from userdata.kubeadm.tokens import GROUP, BootstrapToken

COMMAND = ("kubeadm", "init", "--config", INIT_FILE, "--skip-token-print")
"""Without the last one kubeadm prints the token, twice."""


def configuration(
    cluster: Cluster,
    node: Node,
    token: BootstrapToken,
    token_seconds: int,
    host: Host,
    limits: Timeouts,
) -> str:
    """The content of INIT_FILE; it holds the token."""
    documents = [
        _init_configuration(node, token, token_seconds, host, limits),
        cluster_configuration(cluster),
        kubelet_configuration(host),
    ]
    if cluster.kube_proxy:
        documents.append(kube_proxy_configuration(host))
    return text(*documents)


def local_endpoint(address: str) -> Document:
    """InitConfiguration for those of kubeadm's commands that found nothing. `address` is the node's own.

    Without it kubeadm looks for a default route.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": address, "bindPort": API_PORT},
    }


def _init_configuration(
    node: Node, token: BootstrapToken, token_seconds: int, host: Host, limits: Timeouts
) -> Document:
    return {
        **local_endpoint(node.address),
        # Without one kubeadm makes a token of its own. "signing" is left out: it is for those who read the ConfigMap
        # cluster-info without a name, which nobody may here.
        "bootstrapTokens": [
            {
                "token": token.text,
                "ttl": seconds(token_seconds),
                "usages": ["authentication"],
                "groups": [GROUP],
                "description": "for workers; renewed by the agents",
            }
        ],
        "nodeRegistration": registration(node, host),
        # Addons come once the cluster is known to be ours.
        "skipPhases": ["addon"],
        "timeouts": timeouts(limits),
    }
