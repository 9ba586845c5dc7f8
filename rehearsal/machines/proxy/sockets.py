"""The sockets of a balancer's nodes, each made in the namespace of its zone's interface."""

from __future__ import annotations

import contextlib
import socket
import struct

from rehearsal.machines.network import namespaces
from rehearsal.machines.proxy.plan import Zone

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: on, and for no time. A close is a reset then."""


def listening(zone: Zone, port: int) -> socket.socket:
    """A socket that listens at a node's address. Raises OSError."""
    made = _made(zone)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((zone.address, port))
        made.listen(namespaces.BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def outgoing(zone: Zone) -> socket.socket:
    """A socket whose connections come from a node's address. Raises OSError."""
    made = _made(zone)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((zone.address, 0))
    except OSError:
        made.close()
        raise
    return made


def reset(ended: socket.socket) -> None:
    """Close a connection at once: the other side sees a reset."""
    with contextlib.suppress(OSError):
        ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    ended.close()


def _made(zone: Zone) -> socket.socket:
    with contextlib.nullcontext() if zone.namespace is None else namespaces.inside(zone.namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    return made
