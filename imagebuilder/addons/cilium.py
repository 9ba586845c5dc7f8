"""Cilium: the values that its chart is rendered with, and the ConfigMap that its pods find the API by.

The values make a manifest that is the same for every cluster and holds no key: with Hubble's the chart would make a new
authority at each rendering.
"""

from __future__ import annotations

from typing import Any

ENDPOINT = "kubernetes-endpoint"
_API_PORT = 6443

VALUES: dict[str, Any] = {
    # Cilium does kube-proxy's work, so it cannot find the API by a Service.
    "kubeProxyReplacement": True,
    "k8sServiceHostRef": {"name": ENDPOINT, "key": "host"},
    "k8sServicePort": _API_PORT,
    # Nodes are in three zones: without a tunnel the VPC would need a route for each.
    "routingMode": "tunnel",
    "tunnelProtocol": "vxlan",
    "bpf": {"masquerade": True},
    # Placeholders; the node program puts the cluster's own into the ConfigMap cilium-config.
    "ipam": {
        "mode": "cluster-pool",
        "operator": {"clusterPoolIPv4PodCIDRList": ["100.64.0.0/16"], "clusterPoolIPv4MaskSize": 24},
    },
    # Neither is needed for a network with policies; both bring images, ports and, Hubble, keys.
    "hubble": {"enabled": False},
    "envoy": {"enabled": False},
    "l7Proxy": False,
    # The source of a release knows no digests of its own images; an image's build puts them in.
    "image": {"useDigest": False, "pullPolicy": "IfNotPresent"},
    "operator": {"replicas": 2, "image": {"useDigest": False, "pullPolicy": "IfNotPresent"}},
}


def endpoint() -> dict[str, Any]:
    """The ConfigMap by which Cilium's pods find the API; filled by the node program."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ENDPOINT, "namespace": "kube-system"},
        "data": {"host": "", "port": ""},
    }
