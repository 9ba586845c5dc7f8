"""metrics-server serves with a certificate that the cluster's authority vouches for, and for nothing else."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.userdata.tree import modes
from userdata.addons.places import METRICS_SERVER_CERTIFICATE, METRICS_SERVER_KEY, METRICS_SERVER_NAME
from userdata.agent import serving_certificate
from userdata.agent.serving_certificate import ServingCertificate
from userdata.logs.lines import StageFailed
from userdata.pki.issuing import new_authority
from userdata.pki.placing import CLUSTER_CA, CLUSTER_CA_KEY

LIFETIME = timedelta(days=30)


@pytest.fixture(autouse=True)
def _our_own_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the test's user stand for metrics-server's: only root may give them to somebody else."""
    monkeypatch.setattr(serving_certificate, "METRICS_SERVER_USER", os.getuid())


class Clock:
    """The time, which a test moves on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A control plane with a cluster's authority."""
    found(tmp_path)
    return tmp_path


def found(root: Path) -> None:
    authority = new_authority("kubernetes", datetime.now(UTC))
    for path, text in ((CLUSTER_CA, authority.bundle), (CLUSTER_CA_KEY, authority.keys[0])):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def task(root: Path, clock: Clock, *, wanted: bool = True) -> ServingCertificate:
    return ServingCertificate(root, lambda: wanted, LIFETIME, clock)


def path(root: Path, file: str) -> Path:
    return root / file.lstrip("/")


def asks(root: Path, name: str) -> str:
    """What a client says that trusts the cluster's authority alone, of a server with these files; empty for nothing."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(path(root, METRICS_SERVER_CERTIFICATE), path(root, METRICS_SERVER_KEY))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with served.wrap_socket(theirs, server_side=True):
                pass
        except OSError:
            pass

    server = threading.Thread(target=serve)
    server.start()
    try:
        context = ssl.create_default_context(cafile=str(path(root, CLUSTER_CA)))
        with context.wrap_socket(ours, server_hostname=name):
            return ""
    except ssl.SSLError as error:
        return str(error)
    finally:
        ours.close()
        server.join()


def shake_hands(*sides: ssl.SSLObject) -> None:
    """Each in turn, for as long as a handshake may take."""
    for side in (*sides, *sides, *sides):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()


def test_who_trusts_the_clusters_authority_trusts_it_by_its_services_name_alone(node: Path, clock: Clock) -> None:
    assert task(node, clock).run() == "a new certificate for metrics-server"
    assert asks(node, METRICS_SERVER_NAME) == ""
    assert "Hostname mismatch" in asks(node, "kubernetes.default.svc")
    found(node)
    assert "certificate verify failed" in asks(node, METRICS_SERVER_NAME)


def test_it_is_of_no_use_to_a_client(node: Path, clock: Clock) -> None:
    task(node, clock).run()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.load_cert_chain(path(node, METRICS_SERVER_CERTIFICATE), path(node, METRICS_SERVER_KEY))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(path(node, CLUSTER_CA)))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(path(node, METRICS_SERVER_CERTIFICATE), path(node, METRICS_SERVER_KEY))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(incoming, outgoing)
    answering = server.wrap_bio(outgoing, incoming, server_side=True)
    with pytest.raises(ssl.SSLError, match="unsuitable certificate purpose"):
        shake_hands(asking, answering)


def test_its_user_alone_reads_it_and_passes_the_folder(node: Path, clock: Clock) -> None:
    task(node, clock).run()
    shown = modes(node)
    assert (shown[METRICS_SERVER_KEY], shown[METRICS_SERVER_CERTIFICATE]) == ("400", "400")
    assert shown[METRICS_SERVER_KEY.rpartition("/")[0]] == "755"


def test_another_is_made_with_a_third_of_its_lifetime_left_and_for_another_authority(node: Path, clock: Clock) -> None:
    made = task(node, clock)
    made.run()
    first = path(node, METRICS_SERVER_CERTIFICATE).read_text()
    clock.now += LIFETIME * 2 / 3 - timedelta(hours=1)
    assert made.run() == ""
    clock.now += timedelta(hours=2)
    assert made.run() != ""
    assert path(node, METRICS_SERVER_CERTIFICATE).read_text() != first
    assert made.run() == ""
    later = path(node, METRICS_SERVER_CERTIFICATE).stat().st_mtime + 60
    os.utime(path(node, CLUSTER_CA), (later, later))
    assert made.run() != ""


def test_a_cluster_without_metrics_server_gets_none(node: Path, clock: Clock) -> None:
    assert task(node, clock, wanted=False).run() == ""
    assert not path(node, METRICS_SERVER_KEY).exists()


def test_a_node_without_the_authoritys_key_says_so(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StageFailed, match=r"ca\.crt: No such file"):
        task(tmp_path, clock).run()
