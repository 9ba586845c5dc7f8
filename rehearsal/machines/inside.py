"""The local AWS as nodes reach it: one address in each VPC's router, in the place of what DNS and endpoints lead to."""

from __future__ import annotations

import contextlib
import socket

from rehearsal.aws.server import LocalAws
from rehearsal.machines.metadata.service import Routers
from rehearsal.machines.network.namespaces import listen
from rehearsal.machines.network.router import AWS

PORT = 80


class Inside:
    """Listens in all VPCs of a local cloud."""

    def __init__(self, aws: LocalAws, routers: Routers) -> None:
        self._aws = aws
        self._routers = routers
        self._sockets: list[socket.socket] = []

    def start(self) -> None:
        """Listen in every router, those to come too."""
        self._routers.on_router(self._serve)

    def stop(self) -> None:
        """Close the sockets; the local AWS ends its threads itself. Safe to call twice."""
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().close()

    def _serve(self, vpc_id: str, namespace: str) -> None:
        bound = listen(namespace, AWS, PORT)
        self._sockets.append(bound)
        self._aws.serve_inside(bound, vpc_id)
