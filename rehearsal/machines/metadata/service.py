"""The HTTP side of the metadata service: one server in the router of each VPC, which knows askers by their addresses.

It stands outside the instances, as on EC2; so the hop limit is what it is there: the answer to a PUT goes out with that
many hops to live, and a container behind one more hop never sees it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from rehearsal.aws.server import LocalAws
from rehearsal.machines import inventory
from rehearsal.machines.metadata.credentials import LIFETIME_SECONDS, Credentials
from rehearsal.machines.metadata.facts import facts_at
from rehearsal.machines.metadata.tokens import BadTtl, Tokens
from rehearsal.machines.metadata.tree import read, tree
from rehearsal.machines.model import Machine
from rehearsal.machines.network.namespaces import listen
from rehearsal.machines.network.router import METADATA

LOG = logging.getLogger(__name__)

PORT = 80
IDLE_SECONDS = 30.0
"""How long a connection may be silent: that of an instance that lost its power would be kept for ever."""
TOKEN_PATH = "/latest/api/token"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
FORWARDED_HEADER = "X-Forwarded-For"
"""A proxy adds it; the service refuses a PUT with it, so that no open proxy gives tokens away."""


class Routers(Protocol):
    """Where the VPCs' routers are."""

    def on_router(self, action: Callable[[str, str], None]) -> None:
        """Call `action(vpc_id, namespace)` for each router."""


@dataclass(frozen=True)
class Answer:
    """What the service says."""

    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    hop_limit: int | None = None
    """How many hops the answer may take; None for as many as usual."""


class Metadata:
    """The metadata service of a local cloud, in all its VPCs."""

    def __init__(self, aws: LocalAws, routers: Routers, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._aws = aws
        self._routers = routers
        self._tokens = Tokens(aws.clock.monotonic)
        self._credentials = Credentials(aws, lifetime_seconds)
        self._servers: list[ThreadingHTTPServer] = []

    def start(self) -> None:
        """Serve in every router, those to come too."""
        self._routers.on_router(lambda vpc_id, namespace: self.serve(listen(namespace, METADATA, PORT), vpc_id))

    def stop(self) -> None:
        """Stop serving. Safe to call twice."""
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()

    def serve(self, bound: socket.socket, vpc_id: str) -> None:
        """Answer on a listening socket, which is closed at the end."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            timeout = IDLE_SECONDS

            def version_string(self) -> str:
                return "EC2ws"

            def do_GET(self) -> None:
                self._send(service.get(vpc_id, self.client_address[0], self.path, self.headers.get(TOKEN_HEADER)))

            def do_PUT(self) -> None:
                forwarded = FORWARDED_HEADER in self.headers
                ttl = self.headers.get(TTL_HEADER)
                self._send(service.put(vpc_id, self.client_address[0], self.path, ttl, forwarded=forwarded))

            def _send(self, answer: Answer) -> None:
                if answer.hop_limit is not None:
                    self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, answer.hop_limit)
                self.send_response(answer.status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                LOG.debug(format, *args)

        server = ThreadingHTTPServer(bound.getsockname(), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = bound
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name=f"metadata-{vpc_id}", daemon=True).start()
        self._servers.append(server)

    def put(self, vpc_id: str, address: str, path: str, ttl: str | None, *, forwarded: bool = False) -> Answer:
        """The answer to a PUT: a session token."""
        machine = inventory.machine_at(self._aws, vpc_id, address)
        if machine is None or forwarded or not machine.metadata.enabled:
            return Answer(HTTPStatus.FORBIDDEN)
        hop_limit = machine.metadata.hop_limit
        if path != TOKEN_PATH:
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, hop_limit=hop_limit)
        try:
            token = self._tokens.grant(machine.instance_id, ttl)
        except BadTtl as error:
            return Answer(HTTPStatus.BAD_REQUEST, str(error).encode(), hop_limit=hop_limit)
        assert ttl is not None
        return Answer(HTTPStatus.OK, token.encode(), ((TTL_HEADER, ttl),), hop_limit)

    def get(self, vpc_id: str, address: str, path: str, token: str | None) -> Answer:
        """The answer to a GET: one value, or the list of a folder."""
        machine = inventory.machine_at(self._aws, vpc_id, address)
        if machine is None or not machine.metadata.enabled:
            return Answer(HTTPStatus.FORBIDDEN)
        if not self._may_read(machine, token):
            return Answer(HTTPStatus.UNAUTHORIZED)
        facts = facts_at(self._aws, vpc_id, address)
        if facts is None:  # Terminated in between.
            return Answer(HTTPStatus.FORBIDDEN)
        version, _, rest = path.lstrip("/").partition("/")
        found = None
        if version == "latest":
            found = read(tree(facts, lambda: self._credentials.shown(facts.machine)), rest)
        if found is None:
            return Answer(HTTPStatus.NOT_FOUND)
        return Answer(HTTPStatus.OK, found if isinstance(found, bytes) else found.encode())

    def _may_read(self, machine: Machine, token: str | None) -> bool:
        if token is None:
            return not machine.metadata.tokens_required
        return self._tokens.holds(machine.instance_id, token)
