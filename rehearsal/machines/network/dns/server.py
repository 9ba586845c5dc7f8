"""The DNS server in the router of each VPC, at both addresses of Amazon's resolver, over UDP and TCP."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import struct
import threading
from collections.abc import Callable

from rehearsal.aws.server import LocalAws
from rehearsal.machines import inventory
from rehearsal.machines.metadata.service import Routers
from rehearsal.machines.network.dns.messages import reply
from rehearsal.machines.network.dns.query_log import Asker, QueryLog
from rehearsal.machines.network.dns.view import read_vpc
from rehearsal.machines.network.namespaces import listen
from rehearsal.machines.network.router import RESOLVER, resolver_in

LOG = logging.getLogger(__name__)

PORT = 53
IDLE_SECONDS = 10.0
"""How long a TCP connection may be silent."""
_LENGTH = struct.Struct("!H")
"""What a message over TCP begins with (RFC 1035, 4.2.2)."""

Answering = Callable[[bytes, Asker], bytes | None]
"""Answers a message."""


class Dns:
    """The DNS of a local cloud, in all its VPCs."""

    def __init__(self, aws: LocalAws, routers: Routers) -> None:
        self._aws = aws
        self._routers = routers
        self._servers: list[socketserver.BaseServer] = []
        self._log = QueryLog(aws)

    def start(self) -> None:
        """Serve in every router, those to come too."""
        self._log.start()
        self._routers.on_router(self._serve_router)

    def stop(self) -> None:
        """Stop serving. Safe to call twice."""
        servers, self._servers = self._servers, []
        # All at once, because each takes up to half a second to notice.
        endings = [threading.Thread(target=server.shutdown) for server in servers]
        for ending in endings:
            ending.start()
        for server, ending in zip(servers, endings, strict=True):
            ending.join()
            server.server_close()
        self._log.stop()

    def serve(self, bound: socket.socket, vpc_id: str) -> None:
        """Answer on a socket, a listening one or one for datagrams, which is closed at the end."""

        def answer(message: bytes, asker: Asker) -> bytes | None:
            view = read_vpc(self._aws, vpc_id)
            said = reply(message, view.names, datagram=asker.datagram)
            if said is None:
                return None
            if view.logged is not None and said.answered is not None:
                self._log.note(vpc_id, view.logged, asker, said.answered)
            return said.wire

        server = _server(bound, answer)
        threading.Thread(target=server.serve_forever, name=f"dns-{vpc_id}", daemon=True).start()
        self._servers.append(server)

    def _serve_router(self, vpc_id: str, namespace: str) -> None:
        second = resolver_in(str(inventory.vpc_range(self._aws, vpc_id)))
        for address in (RESOLVER, second):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                self.serve(listen(namespace, address, PORT, kind), vpc_id)


def _asker(address: tuple[str, int], *, datagram: bool) -> Asker:
    return Asker(address[0], address[1], datagram)


def _server(bound: socket.socket, answer: Answering) -> socketserver.BaseServer:
    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            message, via = self.request
            said = answer(message, _asker(self.client_address, datagram=True))
            if said is not None:
                # An asker that is gone meanwhile is no error.
                with contextlib.suppress(OSError):
                    via.sendto(said, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        timeout = IDLE_SECONDS

        def handle(self) -> None:
            with contextlib.suppress(OSError, struct.error):
                while True:
                    (length,) = _LENGTH.unpack(self.rfile.read(_LENGTH.size))
                    said = answer(self.rfile.read(length), _asker(self.client_address, datagram=False))
                    if said is None:
                        return
                    self.wfile.write(_LENGTH.pack(len(said)) + said)

    server: socketserver.ThreadingTCPServer | socketserver.UDPServer
    if bound.type == socket.SOCK_STREAM:
        server = socketserver.ThreadingTCPServer(bound.getsockname(), Stream, bind_and_activate=False)
        server.daemon_threads = True
    else:
        server = socketserver.UDPServer(bound.getsockname(), Datagram, bind_and_activate=False)
    server.socket.close()
    server.socket = bound
    return server
