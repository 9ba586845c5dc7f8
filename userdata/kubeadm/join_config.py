"""`kubeadm join`: its configuration and its command, for control planes and for workers.

Both find the cluster by a file (`discovery`), because without a name nobody may read the ConfigMap cluster-info. The
authorities' keys are on a control plane already, so no certificate key is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from userdata.kubeadm.cluster import API_VERSION
from userdata.kubeadm.documents import Document, Timeouts, text, timeouts
from userdata.kubeadm.node import Host, Node, registration
from userdata.kubeadm.places import API_PORT, DISCOVERY_FILE, JOIN_FILE

COMMAND = ("kubeadm", "join", "--config", JOIN_FILE)


AGAIN = (
    "DirAvailable--etc-kubernetes-manifests",
    "DirAvailable--var-lib-etcd",
    "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
    "FileAvailable--etc-kubernetes-kubelet.conf",
    "FileAvailable--etc-kubernetes-manifests-etcd.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml",
    "FileAvailable--etc-kubernetes-pki-ca.crt",
    "Port-10250",
    "Port-10257",
    "Port-10259",
    "Port-2379",
    "Port-2380",
    "Port-6443",
)
"""kubeadm's checks that stand in the way of a join that goes on where an earlier one was interrupted: the kubelet and
all static pods run by then (InitNodeChecks and JoinNodeChecks in cmd/kubeadm/app/preflight/checks.go)."""


def control_plane(node: Node, host: Host, limits: Timeouts, *, again: bool = False) -> str:
    """The content of JOIN_FILE on a control plane; `again` where its etcd is a member already."""
    endpoint = {"advertiseAddress": node.address, "bindPort": API_PORT}
    document = _joining(node, host, limits, AGAIN if again else ())
    return text({**document, "controlPlane": {"localAPIEndpoint": endpoint}})


def worker(node: Node, host: Host, limits: Timeouts) -> str:
    """The content of JOIN_FILE on a worker; the token is in the discovery file."""
    return text(_joining(node, host, limits))


def _joining(node: Node, host: Host, limits: Timeouts, unchecked: Sequence[str] = ()) -> Document:
    return {
        "apiVersion": API_VERSION,
        "kind": "JoinConfiguration",
        "nodeRegistration": registration(node, host, unchecked),
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_FILE}},
        "timeouts": timeouts(limits),
    }
