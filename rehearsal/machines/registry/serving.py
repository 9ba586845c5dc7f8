"""HTTPS on sockets that were bound in other networks, a thread for each connection."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

LOG = logging.getLogger(__name__)

IDLE_SECONDS = 30.0
"""How long a connection may be silent."""

Answering = Callable[[Request], Response]
"""Answers a request. ConnectionError closes the connection without an answer."""


class HttpsServer:
    """A server on a listening socket, which it closes at its end."""

    def __init__(self, bound: socket.socket, context: ssl.SSLContext, answer: Answering) -> None:
        self._bound = bound
        address, port = bound.getsockname()[:2]
        # It has a copy of its own.
        self._server = make_server(
            address, port, _application(answer), threaded=True, request_handler=_handler(context), fd=bound.fileno()
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"https-{address}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. Safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._bound.close()


def _application(answer: Answering) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return answer(Request(environ))(environ, start_response)
        except ConnectionError:
            # werkzeug alone would wait for the next request on the same connection.
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise

    return application


def _handler(context: ssl.SSLContext) -> type[WSGIRequestHandler]:
    class Handler(WSGIRequestHandler):
        timeout = IDLE_SECONDS

        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
            super().setup()

        def handle(self) -> None:
            try:
                # In the connection's own thread: whoever connects and says nothing holds up nobody else.
                self.request.do_handshake()
                super().handle()
            except OSError as error:
                LOG.debug("%s: %s", self.client_address, error)

        def finish(self) -> None:
            super().finish()
            with contextlib.suppress(OSError):
                self.request.close()

        def log(self, type: str, message: str, *args: Any) -> None:
            LOG.debug(message, *args)

    return Handler
