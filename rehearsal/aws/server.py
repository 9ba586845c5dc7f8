"""The local AWS as one HTTP server: own services by the scope of a request's signature, everything else by moto.

Plug-ins (modules of rehearsal.aws.services, and the packages of the own services) are imported at start. One that has a
function `start(aws)` is called with the running server: it may `register` a service, `route` a path of its own, and
leave something to do `on_stop`.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
import os
import pkgutil
import re
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from rehearsal.aws import corrections, models, services
from rehearsal.aws.clock import Clock
from rehearsal.aws.protocol import Service

LOG = logging.getLogger(__name__)

ACCOUNT_ID = "123456789012"
"""Moto's account; every caller is in it."""
OWN_SERVICES = ("rehearsal.aws.cloudformation.api", "rehearsal.aws.autoscaling.api")
SCOPE = re.compile(r"Credential=[^/,\s]+/\d+/([^/]+)/([^/]+)/aws4_request")
WITHOUT_LOCK = re.compile(r"/functions/[^/]+/invocations$")
"""Invoking a function may take minutes and calls the local AWS itself, so it must not hold moto's lock."""

Route = Callable[[Request], Response]


class LocalAws:
    """A local AWS on a loopback port; 0 takes a free one. State lives in this process and ends with it."""

    def __init__(
        self, port: int = 0, speed: float = 1.0, region: str = "us-east-1", log_dir: Path | None = None
    ) -> None:
        self.clock = Clock(speed)
        self.region = region
        self.account_id = ACCOUNT_ID
        self.log_dir = log_dir
        self.lock = threading.RLock()
        """Serialises moto's requests: it was not written for threads. Take it to use moto's backends directly."""
        self.stopping = threading.Event()
        self._port = port
        self._services: dict[str, Service] = {}
        self._routes: dict[str, Route] = {}
        self._at_stop: list[Callable[[], object]] = []
        self._clients: dict[tuple[str, str], Any] = {}
        self._client_lock = threading.Lock()
        # One for all clients: it reads a service's model only once.
        self._session: Any = boto3.session.Session()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._moto: Callable[[dict[str, Any], Any], Iterable[bytes]] | None = None

    @property
    def endpoint(self) -> str:
        """The URL for AWS_ENDPOINT_URL. A name, because moto takes an address in an S3 URL for a bucket's name."""
        if self._server is None:
            raise RuntimeError("the local AWS is not started")
        return f"http://localhost:{self._server.port}"

    def start(self) -> LocalAws:
        """Load moto and the plug-ins, bind the port and answer requests in threads. OSError when the port is taken."""
        models.read_once()
        self._moto = _moto_application()
        plugins = _plugins()
        corrections.apply_all()
        _reset_moto()
        from moto.moto_server.werkzeug_app import MotoRequestHandler

        class Handler(MotoRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                LOG.debug(message, *args)

        # Bound here, because werkzeug ends the whole process when a port is taken.
        with socket.create_server(("127.0.0.1", self._port), backlog=128) as bound:
            self._server = make_server(
                "127.0.0.1", 0, self._application, threaded=True, request_handler=Handler, fd=bound.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, name="local-aws", daemon=True)
        self._thread.start()
        for plugin in plugins:
            start = getattr(plugin, "start", None)
            if start is not None:
                start(self)
        return self

    def stop(self) -> None:
        """Stop the own services, then the server. Safe to call twice."""
        self.stopping.set()
        for action in reversed(self._at_stop):
            try:
                action()
            except Exception:
                LOG.exception("something did not stop cleanly")
        self._at_stop.clear()
        self.clock.cancel_all()
        if self._server is not None and self._thread is not None and self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=10)
            self._server.server_close()

    def register(self, service: Service) -> None:
        """Answer requests signed for this service ourselves."""
        self._services[service.service_name] = service

    def route(self, prefix: str, handler: Route) -> None:
        """Answer unsigned requests below a path ourselves."""
        self._routes[prefix] = handler

    def on_stop(self, action: Callable[[], object]) -> None:
        """Have something done when the local AWS stops; the last one first."""
        self._at_stop.append(action)

    def service(self, name: str) -> Service:
        """A registered service of our own."""
        return self._services[name]

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client that talks to this server over HTTP; clients are safe to share between threads."""
        key = (service, region or self.region)
        if key in self._clients:
            return self._clients[key]
        with self._client_lock:
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,
                    region_name=key[1],
                    endpoint_url=self.endpoint,
                    aws_access_key_id="local",
                    aws_secret_access_key="local",
                    aws_session_token="local",
                    config=Config(
                        retries={"max_attempts": 0}, max_pool_connections=64, s3={"addressing_style": "path"}
                    ),
                )
            return self._clients[key]

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, handler in self._routes.items():
            if path.startswith(prefix):
                return handler(Request(environ))(environ, start_response)
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope and scope[2] in self._services:
            request = Request(environ)
            return self._services[scope[2]].answer(request, scope[1], self.account_id)(environ, start_response)
        assert self._moto is not None
        if WITHOUT_LOCK.search(path):
            return self._moto(environ, start_response)
        _buffer_body(environ)
        with self.lock:
            return self._moto(environ, start_response)


def _buffer_body(environ: dict[str, Any]) -> None:
    """Read a request's body before moto's lock is taken, or one slow sender would hold up all others."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))


def _moto_application() -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    # Set before moto is imported: it reads it once.
    os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    application: Callable[[dict[str, Any], Any], Iterable[bytes]] = DomainDispatcherApplication(create_backend_app)
    return application


def _reset_moto() -> None:
    """Start from an empty account also when this process has run a local AWS before."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()


def _plugins() -> list[Any]:
    names = [f"{services.__name__}.{module.name}" for module in pkgutil.iter_modules(services.__path__)]
    loaded = [importlib.import_module(name) for name in names]
    for name in OWN_SERVICES:
        if importlib.util.find_spec(name) is not None:
            loaded.append(importlib.import_module(name))
    return loaded
