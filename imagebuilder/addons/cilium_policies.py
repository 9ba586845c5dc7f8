"""What the API server refuses Cilium's agents beyond their rights, which are the same on every node.

Whoever has a worker has the token of its agent. By these objects other nodes know where a Pod's address is, and what it
may reach: so an agent writes those of its own node alone, and in them no address that is another one's.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagebuilder.addons.policies import POD_RANGE, UNKNOWN_RANGE, Params, Policy
from imagebuilder.configure.metadata import ADDRESSES

_AGENT_OF_CILIUM = "request.userInfo.username == 'system:serviceaccount:kube-system:cilium'"
# The node of the Pod that a token is bound to:
# https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#additional-metadata-in-pod-bound-tokens
_NODE_OF_TOKEN = "request.userInfo.extra[?'authentication.kubernetes.io/node-name'].orValue([''])[0]"
_OLD_OR_NEW = "(request.operation == 'DELETE' ? oldObject : object)"

_NODES = {"cilium.io/v2": ("ciliumnodes", "ciliumnodes/status")}
_NODE_ADDRESSES = "object.?spec.?addresses.orValue([])"
_ENDPOINTS = {"cilium.io/v2": ("ciliumendpoints", "ciliumendpoints/status")}


def _addresses(of: str) -> str:
    """Those of an endpoint. IPv6 is off (imagebuilder.addons.cilium), but an agent that reads one does not ask of which
    kind the address in a field is."""
    pairs = f"{of}.?status.?networking.?addressing.orValue([])"
    return " + ".join(f"{pairs}.map(a, a.?{each}.orValue('')).filter(a, a != '')" for each in ("ipv4", "ipv6"))


# Other nodes send what goes to these through the tunnel to this node, whatever range they are of (Cilium's
# pkg/node/manager: nodeAddressHasTunnelIP); and its peer of WireGuard takes them away from any other one.
_TUNNELLED = (
    f"{_NODE_ADDRESSES}.filter(a, a.?type.orValue('') == 'CiliumInternalIP').map(a, a.?ip.orValue('')) + ["
    + ", ".join(
        f"object.?spec.?{what}.?{kind}.orValue('')" for what in ("health", "ingress") for kind in ("ipv4", "ipv6")
    )
    + "].filter(a, a != '')"
)


POLICIES: Sequence[Policy] = (
    Policy(
        # Every node sends the Pods' packets of another one where its CiliumNode says.
        "cilium-own-node",
        _NODES,
        ("CREATE", "UPDATE"),
        _AGENT_OF_CILIUM,
        (
            (f"{_NODE_OF_TOKEN} == object.metadata.name", "an agent of Cilium writes the CiliumNode of its own node"),
            (
                "object.?spec.?ipam.?podCIDRs.orValue([]) =="
                " (oldObject == null ? [] : oldObject.?spec.?ipam.?podCIDRs.orValue([]))"
                " && object.?spec.?ipam.?pools.orValue({}) =="
                " (oldObject == null ? {} : oldObject.?spec.?ipam.?pools.orValue({}))",
                "which addresses a node's Pods have is for Cilium's operator to say",
            ),
            (
                "variables.tunnelled.all(a, object.?spec.?ipam.?podCIDRs.orValue([]).exists(r, cidr(r).containsIP(a)))",
                "a node's addresses in the Pods' network are of its own range",
            ),
        ),
        {"tunnelled": _TUNNELLED},
    ),
    Policy(
        # By these other nodes take somebody for a node, and no policy about addresses is about a node.
        "cilium-nodes-addresses",
        _NODES,
        ("CREATE", "UPDATE"),
        _AGENT_OF_CILIUM,
        (
            (
                f"variables.own.all(a, ip(a).isGlobalUnicast() && !cidr(variables.{POD_RANGE}).containsIP(a)"
                f" && {list(ADDRESSES)}.all(m, ip(m) != ip(a)))",
                "a node's own addresses are neither of the Pods' range nor the metadata service's",
            ),
        ),
        {
            "own": f"{_NODE_ADDRESSES}.filter(a, a.?type.orValue('') != 'CiliumInternalIP').map(a, a.?ip.orValue(''))",
            POD_RANGE: UNKNOWN_RANGE,
        },
    ),
    Policy(
        # By these the other nodes learn which Pod has an address, and so what may reach it.
        "cilium-own-endpoints",
        _ENDPOINTS,
        ("CREATE", "UPDATE", "DELETE"),
        _AGENT_OF_CILIUM,
        (
            (
                "params.metadata.name != variables.node || variables.at in variables.addresses",
                "an agent of Cilium writes CiliumEndpoints of its own node",
            ),
            (
                "params.metadata.name != variables.node || variables.was in variables.addresses",
                "an agent of Cilium changes CiliumEndpoints of its own node",
            ),
            ("variables.node != ''", "the token of an agent of Cilium names its node"),
        ),
        {
            "node": _NODE_OF_TOKEN,
            "addresses": "[''] + params.?spec.?addresses.orValue([]).filter(a, a.?type.orValue('') == 'InternalIP')"
            ".map(a, a.?ip.orValue(''))",
            "at": f"{_OLD_OR_NEW}.?status.?networking.?node.orValue('')",
            "was": "oldObject == null ? '' : oldObject.?status.?networking.?node.orValue('')",
        },
        Params("cilium.io/v2", "CiliumNode"),
    ),
    Policy(
        # Every node sends what goes to a Pod's address to the node that has an endpoint with it.
        "cilium-endpoints-in-range",
        _ENDPOINTS,
        ("CREATE", "UPDATE"),
        _AGENT_OF_CILIUM,
        (
            (
                f"variables.addresses.all(a, cidr(variables.{POD_RANGE}).containsIP(a))",
                "an endpoint has addresses of the Pods' range",
            ),
        ),
        {"addresses": _addresses("object"), POD_RANGE: UNKNOWN_RANGE},
    ),
    Policy(
        "cilium-endpoints-of-their-node",
        _ENDPOINTS,
        ("CREATE", "UPDATE", "DELETE"),
        _AGENT_OF_CILIUM,
        (
            (
                "params.metadata.name == variables.node"
                " || params.?spec.?ipam.?podCIDRs.orValue([])"
                ".all(range, variables.addresses.all(a, !cidr(range).containsIP(a)))",
                "an agent of Cilium writes no endpoint with an address of another node's range",
            ),
        ),
        {
            "node": _NODE_OF_TOKEN,
            "addresses": f"(object == null ? [] : {_addresses('object')})"
            f" + (oldObject == null ? [] : {_addresses('oldObject')})",
        },
        Params("cilium.io/v2", "CiliumNode"),
    ),
    Policy(
        # Its number stands in packets and policies: with other labels it would be somebody else.
        "cilium-identities-stay",
        {"cilium.io/v2": ("ciliumidentities",)},
        ("UPDATE",),
        _AGENT_OF_CILIUM,
        (
            (
                "object[?'security-labels'] == oldObject[?'security-labels']"
                " && object.metadata.?labels == oldObject.metadata.?labels",
                "an agent of Cilium changes no labels of an identity",
            ),
        ),
    ),
)
"""Where Cilium is installed."""
