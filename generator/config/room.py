"""How many workers the ranges have room for, which never change: the bounds of the sizes that a deploy may choose."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import NamedTuple

from generator.config.model import MAX_POOL_NODES, ClusterConfig
from generator.config.subnets import worker_addresses

# Every node takes a /24 of the pods' range (docs/architecture.md).
NODE_PREFIX = 24


class Most(NamedTuple):
    """The largest number of nodes that one pool may have."""

    nodes: int
    reason: str
    """What has no room for more; empty where nothing but MAX_POOL_NODES bounds it."""


def largest_pool(config: ClusterConfig) -> Most:
    """The bound of each pool's MaxSize, of a configuration that the rules accept. Every other pool has at least one."""
    others = len(config.pools) - 1
    pods, slots = IPv4Network(config.kubernetes.pod_cidr), config.control_plane.slots
    beside = f"{slots} slots, one replacement and each other pool" if others else f"{slots} slots and one replacement"
    bounds = [
        Most(MAX_POOL_NODES, ""),
        Most(
            2 ** (NODE_PREFIX - pods.prefixlen) - slots - 1 - others,
            f"{pods} has a /{NODE_PREFIX} of pods for each of so many beside {beside}",
        ),
    ]
    if config.network.vpc == "create":
        words = "as many addresses have the workers' subnets" + " beside each other pool" * bool(others)
        bounds.append(Most(worker_addresses(config) - others, words))
    return min(bounds, key=lambda bound: bound.nodes)
