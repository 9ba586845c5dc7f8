"""How long kubeadm waits for what."""

from __future__ import annotations

from dataclasses import dataclass

from userdata.kubeadm.documents import Document, seconds


@dataclass(frozen=True)
class Timeouts:
    """All in seconds. What kubeadm's documentation leaves out is what was measured with 1.36 and 1.37."""

    etcd_call: int = 20
    """Each step in etcd with its retries. With kubeadm's 120 a dead member that is still listed costs four minutes."""
    discovery: int = 120
    """Reading the cluster's CA and configuration; the API may ask for half a minute's patience after its start."""
    tls_bootstrap: int = 300
    """Until the kubelet has its certificate: a worker's request waits for an agent's approval."""
    api_call: int = 60
    control_plane: int = 240
    """Until API server, controller manager and scheduler are healthy."""
    kubelet: int = 240


def timeouts(limits: Timeouts) -> Document:
    """Timeouts of v1beta4, which stand in InitConfiguration and in JoinConfiguration."""
    return {
        "etcdAPICall": seconds(limits.etcd_call),
        "discovery": seconds(limits.discovery),
        "tlsBootstrap": seconds(limits.tls_bootstrap),
        "kubernetesAPICall": seconds(limits.api_call),
        "controlPlaneComponentHealthCheck": seconds(limits.control_plane),
        "kubeletHealthCheck": seconds(limits.kubelet),
    }
