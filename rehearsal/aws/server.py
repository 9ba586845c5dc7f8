"""The local AWS as one HTTP server: own services by the scope of a request's signature, everything else by moto.

Plug-ins (modules of rehearsal.aws.services, and the packages of the own services) are imported at start. One that has a
function `start(aws)` is called with the running server: it may `register` a service, `route` a path of its own, put a
`guard` before all services, `observe` what was answered, tell IAM `facts` of its resources, and leave something to do
`on_stop`.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from rehearsal.aws import corrections, models, services
from rehearsal.aws.clock import Clock
from rehearsal.aws.protocol import Service
from rehearsal.aws.resource_facts import ResourceFacts
from rehearsal.aws.sessions import Session, Sessions
from rehearsal.aws.site import Site

LOG = logging.getLogger(__name__)

ACCOUNT_ID = "123456789012"
"""Moto's account; every caller is in it."""
OWN_SERVICES = (
    "rehearsal.aws.cloudformation.api",
    "rehearsal.aws.autoscaling.api",
    "rehearsal.aws.resolver.api",
    "rehearsal.aws.imagebuilder.api",
    "rehearsal.aws.ecr.api",
    "rehearsal.aws.servicecatalog.api",
    "rehearsal.aws.automation.api",
    "rehearsal.aws.iam.enforcement",
)
SCOPE = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
WITHOUT_LOCK = re.compile(r"/functions/[^/]+/invocations$")
"""Invoking a function may take minutes and calls the local AWS itself, so it must not hold moto's lock."""

OPERATOR = "local"
"""The access key, the secret and the token of the operator, who may do everything."""
VPC_KEY = "holdfast.vpc"
"""Where the WSGI environment of a request from inside a VPC holds the VPC's id."""
HOST_KEY = "holdfast.host"
"""Where it holds the host that the client asked and signed."""
_WORK_SECONDS = 10.0


@dataclass(frozen=True)
class Origin:
    """The VPC that a request came from, and the address in it."""

    vpc_id: str
    address: str


@dataclass(frozen=True)
class Call:
    """A signed request, its body read: who signed it for which service, and where it came from (None: from outside)."""

    request: Request
    access_key_id: str
    region: str
    service: str
    """The service's name in the signature, as in `ssm`, `dynamodb`, `elasticloadbalancing`."""
    origin: Origin | None


Route = Callable[[Request], Response]
Guard = Callable[[Call], Response | None]
"""Looks at a request before its service does; a response of its own refuses it. ConnectionError closes the connection
without an answer, as an address does that nobody listens on."""
Loss = Callable[[Call], bool]
"""Says of a request that was carried out whether its answer is lost on the way."""
Observer = Callable[[str], object]
"""Told the name of the service, as in the signature, after each answered request."""


class LocalAws:
    """A local AWS on a loopback port; 0 takes a free one. State lives in this process and ends with it."""

    def __init__(
        self,
        port: int = 0,
        speed: float = 1.0,
        region: str = "us-east-1",
        log_dir: Path | None = None,
        site: Site = Site(),  # noqa: B008 - it cannot change
    ) -> None:
        self.site = site
        self.clock = Clock(speed)
        self.sessions = Sessions(self.clock)
        self.facts = ResourceFacts()
        """What services tell IAM of their resources; filled when they start."""
        self.region = region
        self.account_id = ACCOUNT_ID
        self.log_dir = log_dir
        self.lock = threading.RLock()
        """Serialises moto's requests: it was not written for threads. Take it to use moto's backends directly."""
        self.stopping = threading.Event()
        self._port = port
        self._services: dict[str, Service] = {}
        self._routes: dict[str, Route] = {}
        self._guards: list[Guard] = []
        self._last_guards: list[Guard] = []
        self._losses: list[Loss] = []
        self._observers: list[Observer] = []
        self._inside: list[tuple[BaseWSGIServer, threading.Thread]] = []
        self._at_stop: list[Callable[[], object]] = []
        self._work: list[threading.Thread] = []
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._own_lock = threading.Lock()
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
        # Bound here, because werkzeug ends the whole process when a port is taken.
        with socket.create_server(("127.0.0.1", self._port), backlog=128) as bound:
            self._server, self._thread = self._serve(bound, None)
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
        # Before the server, which they ask.
        for work in self._work:
            work.join(timeout=_WORK_SECONDS)
        serving, self._inside = self._inside, []
        if self._server is not None and self._thread is not None:
            serving.append((self._server, self._thread))
        # All at the same time: each takes up to half a second to notice.
        with ThreadPoolExecutor(max_workers=len(serving) or 1) as pool:
            for ended in [pool.submit(_end, server, thread) for server, thread in serving]:
                ended.result()

    def serve_inside(self, bound: socket.socket, vpc_id: str) -> None:
        """Answer on one more listening socket, which was made in the network of a VPC. The caller closes the socket."""
        self._inside.append(self._serve(bound, vpc_id))

    def register(self, service: Service) -> None:
        """Answer requests signed for this service ourselves."""
        self._services[service.service_name] = service

    def by_moto(self, request: Request) -> Response:
        """What moto answers, for a service of which only some operations are our own."""
        assert self._moto is not None
        with self.lock:
            return Response.from_app(self._moto, request.environ, buffered=True)

    def route(self, prefix: str, handler: Route) -> None:
        """Answer unsigned requests below a path ourselves; no other request comes without a signature."""
        self._routes[prefix] = handler

    def guard(self, guard: Guard, *, last: bool = False) -> None:
        """Have signed requests looked at before their service sees them; in the order of registration.

        The `last` ones come after all others, as permissions are asked for after the network has let a request through.
        """
        (self._last_guards if last else self._guards).append(guard)

    def lose_answers(self, loss: Loss) -> None:
        """Have the answers of some signed requests never arrive: the connection is closed in their place."""
        self._losses.append(loss)

    def observe(self, observer: Observer) -> None:
        """Be told after each answered request, in the thread that answers: be quick."""
        self._observers.append(observer)

    def on_stop(self, action: Callable[[], object]) -> None:
        """Have something done when the local AWS stops; the last one first."""
        self._at_stop.append(action)

    def work(self, name: str, run: Callable[[], object]) -> None:
        """Run what goes on beside requests, in a thread. A stop waits for it: it is to look whether there is one."""
        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._own_lock:
            self._work = [*(each for each in self._work if each.is_alive()), thread]
            thread.start()

    def client(self, service: str, region: str | None = None, holder: Session | None = None) -> Any:
        """A boto3 client that talks to this server over HTTP; clients are safe to share between threads.

        With a `holder` it acts as the role or user whose session that is, and not as the operator.
        """
        key = (service, region or self.region, holder.access_key_id if holder else OPERATOR)
        if key in self._clients:
            return self._clients[key]
        with self._own_lock:
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,
                    region_name=key[1],
                    endpoint_url=self.endpoint,
                    aws_access_key_id=key[2],
                    aws_secret_access_key=holder.secret_access_key if holder else OPERATOR,
                    aws_session_token=holder.session_token if holder else OPERATOR,
                    config=Config(
                        retries={"max_attempts": 0}, max_pool_connections=64, s3={"addressing_style": "path"}
                    ),
                )
            return self._clients[key]

    def _serve(self, bound: socket.socket, vpc_id: str | None) -> tuple[BaseWSGIServer, threading.Thread]:
        """Serve on a bound socket in a thread; requests from inside a VPC carry its id."""
        from moto.moto_server.werkzeug_app import MotoRequestHandler

        class Handler(MotoRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                LOG.debug(message, *args)

            def make_environ(self) -> Any:
                environ = super().make_environ()
                if vpc_id is not None:
                    environ[VPC_KEY] = vpc_id
                    environ[HOST_KEY] = environ.get("HTTP_HOST", "")
                    # Moto takes a host's name for a bucket's, and knows only this one as the endpoint of all services.
                    environ["HTTP_HOST"] = "localhost"
                return environ

        host, port = bound.getsockname()[:2]
        server = make_server(host, port, self._application, threaded=True, request_handler=Handler, fd=bound.fileno())
        thread = threading.Thread(target=server.serve_forever, name=f"local-aws-{vpc_id or 'outside'}", daemon=True)
        thread.start()
        return server, thread

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        for prefix, handler in self._routes.items() if VPC_KEY not in environ else ():
            if path.startswith(prefix):
                return handler(Request(environ))(environ, start_response)
        if scope is None:
            return Response("requests have to be signed\n", status=403)(environ, start_response)
        _buffer_body(environ)
        call = _call(environ, scope) if self._guards or self._last_guards or self._losses else None
        if call is not None:
            try:
                refusal = self._refusal(call)
            except ConnectionError:
                _hang_up(environ)
                raise
            if refusal is not None:
                return refusal(environ, start_response)
        answer = self._answer(environ, start_response, path, scope)
        if call is not None and any(loses(call) for loses in self._losses):
            _hang_up(environ)
            raise ConnectionAbortedError("the answer is lost on the way")
        for observer in self._observers:
            observer(scope[3])
        return answer

    def _refusal(self, call: Call) -> Response | None:
        for guard in (*self._guards, *self._last_guards):
            refusal = guard(call)
            if refusal is not None:
                return refusal
        return None

    def _answer(self, environ: dict[str, Any], start_response: Any, path: str, scope: re.Match[str]) -> Iterable[bytes]:
        if scope[3] in self._services:
            request = Request(environ)
            service = self._services[scope[3]]
            return service.answer(request, scope[2], self.account_id, scope[1])(environ, start_response)
        assert self._moto is not None
        if WITHOUT_LOCK.search(path):
            return self._moto(environ, start_response)
        with self.lock:
            return self._moto(environ, start_response)


def _call(environ: dict[str, Any], scope: re.Match[str]) -> Call:
    # A copy of the body's stream: whoever reads it must not take it from the service.
    body = environ.get("wsgi.input")
    copied = {**environ, "wsgi.input": io.BytesIO(body.getvalue())} if isinstance(body, io.BytesIO) else dict(environ)
    vpc_id = environ.get(VPC_KEY)
    origin = None if vpc_id is None else Origin(vpc_id, environ["REMOTE_ADDR"])
    return Call(Request(copied), scope[1], scope[2], scope[3], origin)


def _hang_up(environ: dict[str, Any]) -> None:
    # werkzeug alone would wait for the next request on the same connection.
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _end(server: BaseWSGIServer, thread: threading.Thread) -> None:
    if thread.is_alive():
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def _buffer_body(environ: dict[str, Any]) -> None:
    """Read a request's body before a guard or moto's lock is asked for, or one slow sender would hold up all others."""
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
