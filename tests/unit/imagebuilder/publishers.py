"""A web server that plays the publishers of an image's artefacts, and the registries of its container images.

It stands where a mirror does: the addresses of all of them are below its own.
"""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from imagebuilder import artefacts, versions
from imagebuilder.artefacts import RemoteFile, RemoteImage

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Reply:
    """What is answered to GET; HEAD has the same without a body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    """Another Content-Length than the body's."""
    token: str | None = None
    """Asked for; without it the reply is 401, with the address where it is given."""
    login: str | None = None
    """`user:password`, asked for by the basic scheme."""
    failures: int = 0
    """How often 503 is answered before."""


@dataclass
class Publishers:
    """The replies by path, and what was asked."""

    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Authorization."""
    url: str = ""

    def file(self, path: str) -> Reply:
        """The reply for an artefact's address without its scheme."""
        return self.replies[f"/{path}"]


def content(file: RemoteFile) -> bytes:
    """What a file holds here."""
    return f"the file of {file.label}\n".encode()


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def everything() -> Publishers:
    """Publishers that have what they should."""
    made = Publishers()
    wanted = artefacts.every(versions.read())
    for file in wanted.files:
        made.replies[_path(file.source)] = Reply(content(file))
        sums = made.replies.setdefault(_path(file.checksums), Reply())
        line = f"{sha256(content(file))}  {file.file_name}\n"
        # dl.k8s.io and artifacts.k8s.io name no file.
        sums.body += (
            line.split()[0].encode()
            if file.checksums == f"{file.source}.sha256" and "k8s" in file.source
            else line.encode()
        )
    for image in wanted.images:
        _publish(made, image)
    return made


def _publish(made: Publishers, image: RemoteImage) -> None:
    base = f"/{image.repository.replace('/', '/v2/', 1)}/manifests"
    listed = []
    for architecture, size in (("amd64", 100), ("arm64", 200), ("s390x", 300)):
        raw = _json({"config": {"size": 1}, "layers": [{"size": size}], "of": [image.label, architecture]})
        digest = f"sha256:{sha256(raw)}"
        made.replies[f"{base}/{digest}"] = Reply(raw, headers={"Docker-Content-Digest": digest})
        listed.append(
            {
                "mediaType": MANIFEST,
                "digest": digest,
                "size": len(raw),
                "platform": {"os": "linux", "architecture": architecture},
            }
        )
    index = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})
    headers = {"Docker-Content-Digest": f"sha256:{sha256(index)}", "Content-Type": INDEX}
    made.replies[f"{base}/{image.tag}"] = Reply(index, headers=headers)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _path(url: str) -> str:
    return f"/{url.partition('://')[2]}"


@contextmanager
def serving(publishers: Publishers) -> Iterator[str]:
    """The server's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet for a reply.
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            authorization = self.headers.get("Authorization")
            publishers.asked.append((self.command, self.path, authorization))
            path, _, _ = self.path.partition("?")
            reply = publishers.replies.get(path, Reply(b"no such file", 404))
            if reply.failures:
                reply.failures -= 1
                reply = Reply(status=503)
            elif reply.token is not None and authorization != f"Bearer {reply.token}":
                challenge = f'Bearer realm="{publishers.url}/token",service="registry",scope="repository:x:pull"'
                reply = Reply(status=401, headers={"WWW-Authenticate": challenge})
            elif reply.login is not None and authorization != f"Basic {b64encode(reply.login.encode()).decode()}":
                reply = Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.announced is None else reply.announced))
            self.end_headers()
            if body:
                self.wfile.write(reply.body)
            if reply.announced is not None:
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        # A connection that does not fit is tried again after a second.
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        publishers.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield publishers.url
        finally:
            server.shutdown()
            thread.join()
