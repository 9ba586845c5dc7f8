"""`kubeadm join`: its configuration and its command, for control planes and for workers.

Both find the cluster by a file (`discovery`), because without a name nobody may read the ConfigMap cluster-info. The
authorities' keys are on a control plane already, so no certificate key is needed.
"""

from __future__ import annotations

from userdata.kubeadm.cluster import API_VERSION
from userdata.kubeadm.documents import Document, text
from userdata.kubeadm.node import Host, Node, registration
from userdata.kubeadm.places import API_PORT, DISCOVERY_FILE, JOIN_FILE
from userdata.kubeadm.timeouts import Timeouts, timeouts

COMMAND = ("kubeadm", "join", "--config", JOIN_FILE)


def control_plane(node: Node, host: Host, limits: Timeouts) -> str:
    """The content of JOIN_FILE on a control plane."""
    endpoint = {"advertiseAddress": node.address, "bindPort": API_PORT}
    return text({**_joining(node, host, limits), "controlPlane": {"localAPIEndpoint": endpoint}})


def worker(node: Node, host: Host, limits: Timeouts) -> str:
    """The content of JOIN_FILE on a worker; the token is in the discovery file."""
    return text(_joining(node, host, limits))


def _joining(node: Node, host: Host, limits: Timeouts) -> Document:
    return {
        "apiVersion": API_VERSION,
        "kind": "JoinConfiguration",
        "nodeRegistration": registration(node, host),
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_FILE}},
        "timeouts": timeouts(limits),
    }
