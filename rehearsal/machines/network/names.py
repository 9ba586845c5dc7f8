"""How the network's kernel objects are called: each name holds its cloud's id, so that leftovers are found by it."""

from __future__ import annotations

_KEPT = 8
"""How many characters of an AWS id a name keeps: an interface's name in the kernel has 15 at most (IFNAMSIZ)."""


def cloud_prefix(cloud_id: str) -> str:
    """What the names of all network namespaces of a local cloud begin with."""
    return f"hf-{cloud_id}-"


def namespace_of(cloud_id: str, aws_id: str) -> str:
    """The namespace of a VPC's router, or of whoever owns a network interface."""
    return cloud_prefix(cloud_id) + aws_id[-_KEPT:]


def peer_device_of(peering_id: str) -> str:
    """Each router's end of a peering connection."""
    return "pcx" + peering_id[-_KEPT:]


def device_of(interface_id: str) -> str:
    """The router's end of a network interface; the owner's end is `eth0`."""
    return "eni" + interface_id[-_KEPT:]
