"""Cilium: the values that its chart is rendered with, and the ConfigMap that its pods find the API by.

The values make a manifest that is the same for every cluster and holds no key: with Hubble's the chart would make a new
authority at each rendering.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagebuilder.addons import metadata

ENDPOINT = "kubernetes-endpoint"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_API_PORT = 6443
_POD_CIDR = "100.64.0.0/16"

VALUES: dict[str, Any] = {
    # Cilium does kube-proxy's work, so it cannot find the API by a Service.
    "kubeProxyReplacement": True,
    "k8sServiceHostRef": {"name": ENDPOINT, "key": "host"},
    "k8sServicePort": _API_PORT,
    # Nodes are in three zones: without a tunnel the VPC would need a route for each.
    "routingMode": "tunnel",
    "tunnelProtocol": "vxlan",
    # systemd has mounted /sys/fs/bpf: no container has to be privileged for it.
    "bpf": {"masquerade": True, "autoMount": {"enabled": False}},
    # Placeholders; the node program puts the cluster's own into the ConfigMap cilium-config.
    "ipam": {
        "mode": "cluster-pool",
        "operator": {"clusterPoolIPv4PodCIDRList": [_POD_CIDR], "clusterPoolIPv4MaskSize": 24},
    },
    # Placeholders too, for clusters whose nodes encrypt what their pods send each other. All of VXLAN goes through
    # WireGuard then, the nodes' own packets to pods included, so the nodes' other traffic, which has TLS, is left as it
    # is: its encryption could lock a node out of the API that its public key is published in. Strict: what arrives
    # otherwise is dropped, and so is what a pod sends to an address of the pods' range that no node is known for yet.
    # Keys are made by each node; none is in the manifest.
    "encryption": {
        "enabled": True,
        "type": "wireguard",
        "nodeEncryption": False,
        "strictMode": {
            "ingress": {"enabled": True},
            "egress": {"enabled": True, "cidr": _POD_CIDR, "allowRemoteNodeIdentities": True},
        },
    },
    **metadata.VALUES,
    # Neither is needed for a network with policies; both bring images, ports and, Hubble, keys.
    "hubble": {"enabled": False},
    "envoy": {"enabled": False},
    "l7Proxy": False,
    # For policies of L7 alone, which need Envoy. With it the operator would read every Secret of the cluster.
    "tls": {"secretSync": {"enabled": False}},
    # The source of a release knows no digests of its own images; an image's build puts them in.
    "image": {"useDigest": False, "pullPolicy": "Never"},
    "operator": {
        "replicas": 2,
        "image": {"useDigest": False, "pullPolicy": "Never"},
        # Its rights are the whole cluster's, so no worker may have its token.
        "nodeSelector": {CONTROL_PLANE: ""},
        # It need neither delete Pods nor change Nodes: no Pod is started before its node's agent, no Node has a taint
        # that waits for it, and nobody reads the condition NetworkUnavailable.
        "unmanagedPodWatcher": {"restart": False},
        "removeNodeTaints": False,
        "setNodeTaints": False,
        "setNodeNetworkStatus": False,
        "prometheus": {"enabled": False},
    },
}


_OPERATOR = "cilium-operator"
_ZTUNNEL = f"{_OPERATOR}-ztunnel"
_LEASES = ["leases"]
_LEASE = f"{_OPERATOR}-resource-lock"
"""leaderElectionResourceLockName in operator/cmd/root.go."""


def narrowed(objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chart's objects without two rights of the operator that it gives whatever its values say.

    Leases of the whole cluster are those of Kubernetes' own controllers, too; it needs one of its own. DaemonSets are
    for ztunnel, which is off here; whoever may create one in kube-system has every node. Raises LookupError where the
    chart has changed.
    """
    roles = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("ClusterRole", _OPERATOR)]
    if len(roles) != 1:
        raise LookupError(f"the chart has {len(roles)} ClusterRoles {_OPERATOR}")
    leases = [rule for rule in roles[0]["rules"] if rule["resources"] == _LEASES]
    kept = [each for each in objects if each["metadata"]["name"] != _ZTUNNEL]
    if len(leases) != 1 or len(objects) - len(kept) != 2:
        raise LookupError(f"the chart's rights of {_OPERATOR} are others than those that are narrowed here")
    roles[0]["rules"].remove(leases[0])
    return [*kept, *_own_leases(leases[0])]


def _own_leases(rule: dict[str, Any]) -> list[dict[str, Any]]:
    metadata = {"name": f"{_OPERATOR}-leases", "namespace": "kube-system"}
    api = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{api}/v1",
            "kind": "Role",
            "metadata": metadata,
            # Those of Kubernetes' own controllers are in this namespace, too. What is created cannot be held to a name.
            "rules": [{**rule, "verbs": ["create"]}, {**rule, "verbs": ["get", "update"], "resourceNames": [_LEASE]}],
        },
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": metadata["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": _OPERATOR, "namespace": "kube-system"}],
        },
    ]


def endpoint() -> dict[str, Any]:
    """The ConfigMap by which Cilium's pods find the API; filled by the node program."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ENDPOINT, "namespace": "kube-system"},
        "data": {"host": "", "port": ""},
    }
