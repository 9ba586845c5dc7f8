"""The one caller over HTTPS: a request on a connection of its own, and everything that can go wrong as an outcome.

A connection serves one request: nodes ask a few times a minute, and certificates that were renewed meanwhile are read
anew.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coordination.outcomes import Known, Unknown
from userdata.host import network

CONNECT_SECONDS = 2.5
"""How long a host may take to accept a connection, which its kernel does in milliseconds however busy it is. A SYN that
is lost is sent again after a second (RFC 6298); an address that nobody has any more costs no more than this."""
REQUEST_SECONDS = 10.0
"""How long the other side may be silent while the two shake hands, and again whenever more of its answer is awaited."""
LARGEST_ANSWER = 1 << 20
"""In bytes."""


NO_CREDENTIALS = "CredentialsUnavailable"
"""The code of a request that cannot be made, for what it is made with cannot be read. Nothing was sent."""
TOO_LARGE = "AnswerTooLarge"
"""The code of an answer that has more bytes than it may have."""


@dataclass(frozen=True)
class NoAnswer(Unknown):
    """The other side has not answered; `code` says why (userdata.host.network, and the two above).

    A request that was sent may have been carried out.
    """


@dataclass(frozen=True)
class Answer:
    """What the other side answered; a status is no judgement. `body` is kept out of reprs, for it may hold secrets."""

    status: int
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body's JSON; None where it is none, as of a filter or a balancer in between."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Unavailable(Exception):
    """There are no credentials to ask with; the text is for people, and holds nothing secret."""


@dataclass(frozen=True)
class Credentials:
    """Paths of the CA's certificates that the server's is checked against, and of a client's certificate and key."""

    authority: str
    certificate: str
    key: str

    def context(self) -> ssl.SSLContext:
        """Certificates on both sides. Raises Unavailable."""
        context = trusting_file(self.authority)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            paths = dict.fromkeys((self.certificate, self.key))
            raise Unavailable(f"{', '.join(paths)}: {_said(error)}") from error
        return context


def trusting(bundle: str) -> ssl.SSLContext:
    """No certificate of one's own; the server's is checked against these CAs, PEM. Raises Unavailable."""
    if not bundle:
        # Python would trust the system's CAs then.
        raise Unavailable("there is no CA's certificate")
    try:
        return ssl.create_default_context(cadata=bundle)
    except (OSError, ValueError) as error:
        raise Unavailable(f"the CA's certificates: {_said(error)}") from error


def trusting_file(path: str) -> ssl.SSLContext:
    """The same with the CAs of a file. Raises Unavailable."""
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise Unavailable(f"{path}: {_said(error)}") from error


def trusting_anybody() -> ssl.SSLContext:
    """The server's certificate is not checked: for this node's own loopback, where nobody else can listen."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(
    asked: str,
    host: str,
    port: int,
    context: Callable[[], ssl.SSLContext],
    method: str,
    path: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    limit: int = LARGEST_ANSWER,
    seconds: float = REQUEST_SECONDS,
) -> Known[Answer] | NoAnswer:
    """Send one request, and read the answer. No redirect is followed, and no proxy asked.

    `asked` names for people what is asked, `context` is made for this request and may raise Unavailable, `body` is sent
    as JSON unless it is None, and `limit` is how many bytes an answer may have.
    """
    try:
        made = context()
    except Unavailable as error:
        return NoAnswer(f"{asked} at {host}: {error}", NO_CREDENTIALS)
    connection = _Connection(host, port, made, seconds)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), dict(headers or {}))
        response = connection.getresponse()
        # One byte more, so that an answer which is cut off is not taken for one that ends there.
        answer = Answer(response.status, response.read(limit + 1))
        if response.length and len(answer.body) <= limit:
            # A read of so many bytes at most says nothing where there are fewer.
            raise http.client.IncompleteRead(answer.body, response.length)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return NoAnswer(f"{asked} at {host}: {_said(error)}", network.code(error))
    finally:
        connection.close()
    if len(answer.body) > limit:
        return NoAnswer(f"{asked} at {host}: the answer is larger than {limit} bytes", TOO_LARGE)
    return Known(answer)


class _Connection(http.client.HTTPSConnection):
    """One whose host is waited for less long than its answers."""

    def __init__(self, host: str, port: int, made: ssl.SSLContext, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds, context=made)
        self._made = made
        self._seconds = seconds

    def connect(self) -> None:
        """Connect, and shake hands; the latter takes as long as the host is busy."""
        plain = socket.create_connection((self.host, self.port), min(CONNECT_SECONDS, self._seconds))
        try:
            plain.settimeout(self._seconds)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._made.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _said(error: Exception) -> str:
    """What an error says to people. Only the system's own words: others may quote a header, and with it a token."""
    said = str(error) if isinstance(error, OSError) else ""
    return f"{type(error).__name__}{said and f': {said}'}"
