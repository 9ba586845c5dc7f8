"""An API server that knows nothing but requests for certificates: real TLS and HTTP on loopback, a real authority."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from userdata.pki.issuing import Subject, issue, new_authority
from userdata.pki.material import Authority
from userdata.pki.openssl import Held, openssl

PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
HANGS_UP = None
"""The answer of a server that ends the connection instead."""

Answer = tuple[int, bytes]
Json = dict[str, Any]


def said(status: int, body: object) -> Answer:
    """An answer whose body is JSON."""
    return status, json.dumps(body).encode()


def refusal(status: int, reason: str, message: str) -> Answer:
    """What an API server says where it does not do what it is asked."""
    return said(status, {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status})


@dataclass(frozen=True)
class Call:
    """One request, as it arrived."""

    method: str
    path: str
    token: str = field(repr=False)
    body: Json | None

    @property
    def name(self) -> str:
        """Whose request for a certificate it is about."""
        return str(self.body["metadata"]["name"]) if self.body else self.path.rpartition("/")[2]


class SigningApi:
    """`instead` says how a call is answered in place of what an API server answers, and may call `answer` itself."""

    def __init__(self) -> None:
        self.authority = new_authority("kubernetes", datetime.now(UTC))
        self.reset()

    def reset(self) -> None:
        """As if it had never been asked."""
        self.tokens: set[str] = set()
        """Those that it knows."""
        self.stored: dict[str, Json] = {}
        self.calls: list[Call] = []
        self.instead: Callable[[Call], Answer | None] = self.answer
        self.seen: Callable[[str], None] = lambda request: None
        """Called with every request that is stored, PEM."""

    def answer(self, call: Call) -> Answer:
        """Do what an API server does."""
        if call.token not in self.tokens:
            return refusal(401, "Unauthorized", "Unauthorized")
        if call.body is not None:
            if call.name in self.stored:
                return refusal(409, "AlreadyExists", f'certificatesigningrequests "{call.name}" already exists')
            self.seen(self._pem(call.body))
            self.stored[call.name] = call.body
            return said(201, call.body)
        if call.name not in self.stored:
            return refusal(404, "NotFound", f'certificatesigningrequests "{call.name}" not found')
        return said(200, self.stored[call.name])

    def request(self, name: str) -> str:
        """A request that is stored, PEM."""
        return self._pem(self.stored[name])

    def approve(self, name: str) -> None:
        """Approve a request; the certificate is there at once."""
        self._judge(name, "Approved", "as the test wants it")
        signer, key = Held(self.authority.certificates[0]), Held(self.authority.keys[0])
        command: list[str | Held] = ["x509", "-req", "-in", Held(self.request(name)), "-CA", signer, "-CAkey", key]
        pem = openssl([*command, "-set_serial", "1", "-days", "1"])
        self.stored[name]["status"]["certificate"] = base64.b64encode(pem).decode()

    def refuse(self, name: str, kind: str = "Denied", message: str = "as the test wants it") -> None:
        """Deny a request, or say that it failed."""
        self._judge(name, kind, message)

    def _judge(self, name: str, kind: str, message: str) -> None:
        condition = {"type": kind, "status": "True", "reason": "Test", "message": message}
        self.stored[name] = {**self.stored[name], "status": {"conditions": [condition]}}

    def _pem(self, body: Json) -> str:
        return base64.b64decode(body["spec"]["request"]).decode()

    @contextmanager
    def serving(self, folder: Path, authority: Authority | None = None) -> Iterator[str]:
        """Its URL while it serves; with a certificate of another authority where one is named."""
        with listening(self, folder, authority or self.authority) as port:
            yield f"https://127.0.0.1:{port}"


@contextmanager
def listening(api: SigningApi, folder: Path, authority: Authority) -> Iterator[int]:
    """The port at which an API server listens."""
    now, names = datetime.now(UTC), ["IP:127.0.0.1"]
    leaf = issue(authority, Subject("kube-apiserver"), ["serverAuth"], now, timedelta(hours=1), names)
    pair = folder / "api-server.pem"
    pair.write_text(leaf.certificate + leaf.key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server = _Server(("127.0.0.1", 0), _handler(api))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SigningApi, str]]:
    """An API server, and its URL. A module's tests share it: each begins by resetting it."""
    api = SigningApi()
    with api.serving(tmp_path_factory.mktemp("api")) as server:
        yield api, server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that does not believe the certificate, or has had enough, is what tests are about.
        pass


def _handler(api: SigningApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            call = Call(self.command, self.path, token, body)
            api.calls.append(call)
            answer = api.instead(call)
            if answer is HANGS_UP:
                self.close_connection = True
                return
            status, content = answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
