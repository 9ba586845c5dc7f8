"""The caller over HTTPS: against servers that answer well, badly, too much or not at all, over real TLS on loopback."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from coordination.outcomes import Known
from tests.unit.userdata.secrecy import leaks, texts
from userdata.host import https, network
from userdata.host.https import Answer, Credentials, NoAnswer, Unavailable, ask
from userdata.pki.issuing import Subject, issue, new_authority

NOW = datetime.now(UTC)
AUTHORITY = new_authority("ours", NOW)
STRANGER = new_authority("another", NOW)
TRUST = partial(https.trusting, AUTHORITY.bundle)
SECRET = "abcdef.0123456789abcdef"
SECONDS = 5.0


def pem(folder: Path, name: str, usage: Literal["clientAuth", "serverAuth"]) -> str:
    """A file with a new certificate of the authority's, and its key."""
    leaf = issue(AUTHORITY, Subject(name), [usage], NOW, timedelta(hours=1), ["IP:127.0.0.1"])
    path = folder / f"{name}.pem"
    path.write_text(leaf.certificate + leaf.key, encoding="ascii")
    return str(path)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The server's certificate and key."""
    return pem(tmp_path_factory.mktemp("server"), "server", "serverAuth")


def answered(status: str, body: bytes = b"", length: int | None = None) -> bytes:
    """An answer as it is sent."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


@contextmanager
def server(
    pair: str, said: bytes, hold: threading.Event | None = None, clients: str = "", busy_seconds: float = 0
) -> Iterator[Callable[[], int]]:
    """A server that reads one request and sends `said`; with `hold` it then waits.

    It shakes hands only after `busy_seconds`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    if clients:
        context.load_verify_locations(cadata=clients)
        context.verify_mode = ssl.CERT_REQUIRED
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as plain:
            time.sleep(busy_seconds)
            with context.wrap_socket(plain, server_side=True) as stream:
                heard = b""
                while b"\r\n\r\n" not in heard:
                    heard += stream.recv(65536)
                stream.sendall(said)
                if hold is not None:
                    hold.wait(SECONDS)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield lambda: int(listening.getsockname()[1])
    finally:
        if hold is not None:
            hold.set()
        # Ends an accept that nobody has connected to.
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(SECONDS)


def got(port: int, **given: object) -> Known[Answer] | NoAnswer:
    return ask("the thing", "127.0.0.1", port, TRUST, "GET", "/", seconds=SECONDS, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["200 OK", "301 Moved", "404 Not Found", "503 Service Unavailable"])
def test_every_answer_is_known_with_its_status_and_its_body(pair: str, status: str) -> None:
    with server(pair, answered(status, b'{"a": 1}')) as port:
        found = got(port())
    assert found == Known(Answer(int(status[:3]), b'{"a": 1}'))
    assert isinstance(found, Known)
    assert found.value.json() == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"<html>"])
def test_a_body_that_is_no_json_is_none(body: bytes) -> None:
    assert Answer(200, body).json() is None


TOO_LARGE = "the thing at 127.0.0.1: the answer is larger than 10 bytes"
BROKEN: Mapping[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "RemoteDisconnected", "RemoteDisconnected: Remote end closed connection without response"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "BadStatusLine", "BadStatusLine"),
    "half an answer": (answered("200 OK", b"{", length=5), "IncompleteRead", "IncompleteRead"),
    "a header without an end": (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000, "LineTooLong", "LineTooLong"),
}


@pytest.mark.parametrize(("said", "code", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer_is_an_outcome_with_its_code(pair: str, said: bytes, code: str, reason: str) -> None:
    with server(pair, said) as port:
        assert got(port()) == NoAnswer(f"the thing at 127.0.0.1: {reason}", code)


def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(pair: str) -> None:
    with server(pair, answered("200 OK", b"x" * 10)) as port:
        assert got(port(), limit=10) == Known(Answer(200, b"x" * 10))
    with server(pair, answered("200 OK", b"x" * 11)) as port:
        assert got(port(), limit=10) == NoAnswer(TOO_LARGE, https.TOO_LARGE)


@pytest.mark.parametrize("said", [b"", answered("200 OK", b"{", length=5)], ids=["at once", "in the middle"])
def test_a_server_that_falls_silent_costs_the_time_out(pair: str, said: bytes) -> None:
    with server(pair, said, hold=threading.Event()) as port:
        began = time.monotonic()
        found = ask("the thing", "127.0.0.1", port(), TRUST, "GET", "/", seconds=0.2)
        assert time.monotonic() - began < SECONDS / 2
    assert found == NoAnswer("the thing at 127.0.0.1: TimeoutError: The read operation timed out", "TimeoutError")


def test_a_port_that_accepts_and_never_speaks_tls_costs_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        found = ask("the thing", "127.0.0.1", mute.getsockname()[1], TRUST, "GET", "/", seconds=0.2)
    assert isinstance(found, NoAnswer)
    assert (found.code, "timed out" in found.reason) == ("TimeoutError", True)


def test_a_host_that_accepts_no_connection_is_waited_for_less_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        # Once its queue is full Linux drops what else wants to connect.
        waiting.connect(full.getsockname())
        began = time.monotonic()
        found = got(full.getsockname()[1])
        assert time.monotonic() - began < SECONDS / 2
    assert found == NoAnswer("the thing at 127.0.0.1: TimeoutError: timed out", "TimeoutError")


def test_a_host_that_is_busy_may_take_longer_to_shake_hands(pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "CONNECT_SECONDS", 0.2)
    with server(pair, answered("200 OK"), busy_seconds=0.6) as port:
        assert isinstance(got(port()), Known)


def test_where_nobody_listens_and_where_no_name_resolves_it_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = got(port)
    reason = "the thing at 127.0.0.1: ConnectionRefusedError: [Errno 111] Connection refused"
    assert found == NoAnswer(reason, "ConnectionRefusedError")
    nameless = ask("the thing", "nobody.invalid", 443, TRUST, "GET", "/", seconds=SECONDS)
    assert isinstance(nameless, NoAnswer)
    assert nameless.code == "gaierror"


@pytest.mark.parametrize("clients", ["", STRANGER.bundle], ids=["the server's", "the client's"])
def test_a_certificate_of_another_authority_is_a_failure_of_tls(pair: str, clients: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text(AUTHORITY.bundle, encoding="ascii")
    own = pem(tmp_path, "client", "clientAuth")
    context = Credentials(str(ca), own, own).context if clients else partial(https.trusting, STRANGER.bundle)
    with server(pair, answered("200 OK"), clients=clients) as port:
        found = ask("the thing", "127.0.0.1", port(), context, "GET", "/", seconds=SECONDS)
    assert isinstance(found, NoAnswer)
    # Of TLS 1.3 a client learns that it was refused when it reads, and by then the connection may be gone.
    gone = ("SSLError", "SSLEOFError", "ConnectionResetError", "BrokenPipeError")
    assert found.code in (gone if clients else (network.UNTRUSTED,))


def test_certificates_on_both_sides_open_what_asks_for_them(pair: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text(AUTHORITY.bundle, encoding="ascii")
    own = pem(tmp_path, "client", "clientAuth")
    with server(pair, answered("200 OK"), clients=AUTHORITY.bundle) as port:
        found = ask("it", "127.0.0.1", port(), Credentials(str(ca), own, own).context, "GET", "/", seconds=SECONDS)
    assert found == Known(Answer(200, b""))


def test_whoever_trusts_anybody_asks_a_server_of_a_strangers(pair: str) -> None:
    with server(pair, answered("200 OK")) as port:
        found = ask("it", "127.0.0.1", port(), https.trusting_anybody, "GET", "/", seconds=SECONDS)
    assert found == Known(Answer(200, b""))


def test_credentials_that_cannot_be_read_are_an_outcome_that_names_the_file(pair: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text(AUTHORITY.bundle, encoding="ascii")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN", encoding="ascii")
    contexts: Mapping[str, Callable[[], ssl.SSLContext]] = {
        "/nowhere/ca": Credentials("/nowhere/ca", pair, pair).context,
        "/nowhere/key": Credentials(str(ca), pair, "/nowhere/key").context,
        str(garbage): Credentials(str(garbage), pair, pair).context,
        "/nowhere": partial(https.trusting_file, "/nowhere"),
        "the CA's certificates": partial(https.trusting, "-----BEGIN"),
    }
    for named, context in contexts.items():
        found = ask("the thing", "127.0.0.1", 1, context, "GET", "/")
        assert isinstance(found, NoAnswer)
        assert found.code == https.NO_CREDENTIALS
        assert found.reason.startswith("the thing at 127.0.0.1: ")
        assert named in found.reason


def test_without_a_ca_nobody_is_trusted_and_the_systems_authorities_least() -> None:
    with pytest.raises(Unavailable):
        https.trusting("")


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"Authorization": f"Bearer {SECRET}\nX: y"}, "/"),
        ({"Authorization": f"Bearer {SECRET}\u2010"}, "/"),
        ({}, f"/{SECRET} x"),
    ],
    ids=["a line end in a header", "a header that is no latin", "a path with a blank"],
)
def test_what_http_cannot_say_is_not_sent_and_not_quoted(pair: str, headers: dict[str, str], path: str) -> None:
    with server(pair, answered("200 OK")) as port:
        found = ask("the thing", "127.0.0.1", port(), TRUST, "GET", path, headers=headers, seconds=SECONDS)
    assert isinstance(found, NoAnswer)
    assert found.code in ("ValueError", "UnicodeEncodeError", "InvalidURL")
    assert leaks({"token": SECRET}, texts(outcome=repr(found))) == []


def test_a_body_is_kept_out_of_what_is_printed_of_an_answer() -> None:
    assert leaks({"token": SECRET}, texts(answer=repr(Known(Answer(200, json.dumps(SECRET).encode()))))) == []
