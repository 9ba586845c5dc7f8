"""The network of pods where no add-on brings one: a bridge on every node, and a tunnel from each node to the others.

It stands where Cilium stands on EC2, and is told apart by security groups in the same way: what pods of two nodes send
each other is between the nodes one stream of UDP packets, to the port that the nodes' groups allow for Cilium. Who
is where nodes do not ask anybody: whoever plays the instances knows it.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from imagebuilder.places import NETWORK_FOLDER
from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.router import MTU_BYTES

TUNNEL = "pods-tunnel"
_BRIDGE = "pods0"
_NODE_BITS = 24
"""A /24 for the pods of a node, as Cilium's operator gives them (`userdata/addons/filling.py`)."""
_TUNNEL_BYTES = 50
"""What a packet grows by: IPv4, UDP and VXLAN, and the Ethernet header that Cilium has and this tunnel has not."""
_TABLE = "pods"


@dataclass(frozen=True)
class PodRange:
    """What all nodes have in common."""

    pods: str = "100.64.0.0/16"
    """The range of all pods, a part of which is each node's."""
    port: int = 8472
    """The tunnel's UDP port: the one that security groups of nodes let through for Cilium."""


@dataclass(frozen=True)
class _Node:
    interface: Interface
    namespace: str
    pods: ipaddress.IPv4Network


class PodBridges:
    """The bridges of one local cloud's nodes. Any thread may call it."""

    def __init__(self, whole: PodRange) -> None:
        self._whole = whole
        self._lock = threading.Lock()
        self._ranges: dict[str, ipaddress.IPv4Network] = {}
        self._nodes: dict[str, _Node] = {}

    def files(self, interface: Interface) -> dict[str, str]:
        """What a node's disk is to hold: path below / -> text. Raises namespaces.Failed when there is no range left."""
        with self._lock:
            configuration = json.dumps(_configuration(self._range(interface)), indent=2)
        return {f"{NETWORK_FOLDER.lstrip('/')}/10-bridge.conflist": configuration + "\n"}

    def join(self, interface: Interface, namespace: str) -> None:
        """Make a node's tunnel in its namespace, with ways to and from all others of its VPC. Raises Failed."""
        with self._lock:
            node = _Node(interface, namespace, self._range(interface))
            namespaces.ip(
                [
                    # Of whole packets without Ethernet's header: which node has which range is all there is to know.
                    f"link add {TUNNEL} mtu {MTU_BYTES - _TUNNEL_BYTES} type vxlan external gpe"
                    f" dstport {self._whole.port}",
                    # What the node itself sends to pods of others has this source, and is answered by the tunnel.
                    f"address add {node.pods[0]}/32 dev {TUNNEL}",
                    f"link set {TUNNEL} up",
                    *(_way_to(each) for each in self._others(node)),
                ],
                namespace,
            )
            namespaces.nft(self._masquerade(node), namespace)
            self._tell_others(node, _way_to(node))
            self._nodes[interface.interface_id] = node

    def leave(self, interface_id: str) -> None:
        """Take the ways to a node away; what was made in its namespace ends with that."""
        with self._lock:
            node = self._nodes.pop(interface_id, None)
            if node is not None:
                self._tell_others(node, f"route delete {node.pods}")

    def forget(self, interface_id: str) -> None:
        """Give the range of a node that is no more to another."""
        with self._lock:
            self._ranges.pop(interface_id, None)

    def _range(self, interface: Interface) -> ipaddress.IPv4Network:
        held = self._ranges.get(interface.interface_id)
        if held is None:
            whole, taken = ipaddress.IPv4Network(self._whole.pods), set(self._ranges.values())
            prefix = max(_NODE_BITS, whole.prefixlen + 1)
            held = next(itertools.filterfalse(taken.__contains__, whole.subnets(new_prefix=prefix)), None)
            if held is None:
                raise namespaces.Failed(f"{len(taken)} nodes have all of the pods' range {whole}")
            self._ranges[interface.interface_id] = held
        return held

    def _others(self, node: _Node) -> Iterator[_Node]:
        for each in self._nodes.values():
            if each.interface.vpc_id == node.interface.vpc_id and each.interface != node.interface:
                yield each

    def _tell_others(self, node: _Node, line: str) -> None:
        for each in self._others(node):
            # One that ends now needs no way any more.
            with suppress(namespaces.Failed, FileNotFoundError):
                namespaces.ip([line], each.namespace)

    def _masquerade(self, node: _Node) -> str:
        """Beside pods whoever is spoken to sees the node: a VPC knows no addresses of pods."""
        rule = f'ip saddr {node.pods} ip daddr != {self._whole.pods} oifname "eth0" masquerade'
        return f"table ip {_TABLE} {{ chain leaving {{ type nat hook postrouting priority srcnat; {rule}; }}; }}\n"


def _way_to(node: _Node) -> str:
    return f"route replace {node.pods} encap ip id 1 dst {node.interface.address} dev {TUNNEL}"


def _configuration(pods: ipaddress.IPv4Network) -> Mapping[str, object]:
    """See https://www.cni.dev/plugins/current/main/bridge/."""
    bridge = {
        "type": "bridge",
        "bridge": _BRIDGE,
        "mtu": MTU_BYTES - _TUNNEL_BYTES,
        # The bridge has an address, and is the pods' way out.
        "isDefaultGateway": True,
        # A pod may reach itself by its Service.
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": str(pods)}]]},
    }
    host_ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "bridge", "plugins": [bridge, host_ports]}
