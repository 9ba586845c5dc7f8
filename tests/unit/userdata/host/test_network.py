"""What failures of connections are called: what Python says of a certificate, of a socket, and of everything else."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from userdata.host.network import NOT_VALID_NOW, UNTRUSTED, code
from userdata.pki.issuing import Subject, issue, new_pki
from userdata.pki.material import Authority

NOW = datetime.now(UTC)
OURS, THEIRS = new_pki(NOW).cluster, new_pki(NOW).cluster


def refusal(tmp_path: Path, authority: Authority, begins: datetime, lifetime: timedelta) -> Exception:
    """What a client that trusts OURS makes of a server whose certificate this authority issued."""
    leaf = issue(authority, Subject("server"), ["serverAuth"], begins, lifetime)
    pair = tmp_path / "server.pem"
    pair.write_text(leaf.certificate + leaf.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair)
    trusting = ssl.create_default_context(cadata=OURS.bundle)
    trusting.check_hostname = False
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):
            serving.wrap_socket(theirs, server_side=True).recv(1)

    server = threading.Thread(target=serve)
    server.start()
    with ours, pytest.raises(ssl.SSLCertVerificationError) as failed:
        trusting.wrap_socket(ours)
    server.join()
    return failed.value


def test_a_certificate_of_another_authority_is_untrusted(tmp_path: Path) -> None:
    assert code(refusal(tmp_path, THEIRS, NOW, timedelta(days=1))) == UNTRUSTED


@pytest.mark.parametrize("begins", [NOW - timedelta(days=3), NOW + timedelta(days=3)])
def test_a_certificate_of_another_time_is_not_valid_now(tmp_path: Path, begins: datetime) -> None:
    assert code(refusal(tmp_path, OURS, begins, timedelta(days=1))) == NOT_VALID_NOW


@pytest.mark.parametrize(
    ("error", "called"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "ConnectionRefusedError"),
        (TimeoutError("timed out"), "TimeoutError"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "gaierror"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "EHOSTUNREACH"),
        (OSError("no number"), "OSError"),
        (http.client.RemoteDisconnected("no answer"), "RemoteDisconnected"),
        (ssl.SSLCertVerificationError("made without a code"), "SSLCertVerificationError"),
    ],
)
def test_everything_else_has_the_name_that_python_gives_it(error: Exception, called: str) -> None:
    assert code(error) == called
