"""Certificates as they are made, in the eyes of openssl and of Python's TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.userdata.secrecy import leaks, pki_secrets, process_arguments
from tests.waiting import BUSY_SECONDS
from userdata.pki.inspecting import (
    ca_hashes,
    certificate_fingerprint,
    inspect,
    key_fingerprint,
)
from userdata.pki.issuing import Leaf, Subject, Use, issue, new_authority, new_key, new_pki
from userdata.pki.openssl import Held, OpensslFailed, openssl
from userdata.pki.requests import parse

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY = new_authority("kubernetes", NOW)
JOINER = Subject("holdfast:joiner:i-0123456789abcdef0", "kubeadm:cluster-admins")
HOUR = timedelta(hours=1)


def leaf(uses: Sequence[Use], *alternatives: str, now: datetime = NOW, lifetime: timedelta = HOUR) -> Leaf:
    return issue(AUTHORITY, JOINER, uses, now, lifetime, alternatives)


def shown(certificate: str) -> str:
    return openssl(["x509", "-in", Held(certificate), "-noout", "-text"]).decode()


def test_an_authority_signs_itself_and_may_sign_others() -> None:
    certificate = inspect(AUTHORITY.certificates[0])
    assert (certificate.subject, certificate.issuer) == ("CN=kubernetes", "CN=kubernetes")
    assert certificate.ends == NOW + timedelta(days=3650)
    text = shown(AUTHORITY.certificates[0])
    assert "CA:TRUE" in text
    assert "Digital Signature, Certificate Sign, CRL Sign" in text
    assert "NIST CURVE: P-256" in text


def test_a_leaf_says_for_whom_it_is_and_until_when() -> None:
    certificate = inspect(leaf(["clientAuth"]).certificate)
    assert certificate.subject == "CN=holdfast:joiner:i-0123456789abcdef0,O=kubeadm:cluster-admins"
    assert certificate.issuer == "CN=kubernetes"
    assert certificate.ends == NOW + HOUR


def test_a_certificate_is_good_for_somebody_whose_clock_is_behind() -> None:
    assert inspect(leaf(["clientAuth"]).certificate).begins == NOW - timedelta(minutes=5)
    assert inspect(AUTHORITY.certificates[0]).begins == NOW - timedelta(minutes=5)


def test_a_leaf_is_no_authority_and_good_for_its_use_alone() -> None:
    text = shown(leaf(["clientAuth"]).certificate)
    assert "CA:FALSE" in text
    assert "TLS Web Client Authentication" in text
    assert "TLS Web Server Authentication" not in text


def test_days_left_are_counted_by_hours_and_below_zero() -> None:
    certificate = inspect(leaf(["clientAuth"], lifetime=timedelta(days=1, hours=12)).certificate)
    assert certificate.days_left(NOW) == 1.5
    assert certificate.days_left(NOW + timedelta(days=2)) == -0.5


def test_every_certificate_has_a_serial_number_of_its_own() -> None:
    serials = {openssl(["x509", "-in", Held(leaf(["clientAuth"]).certificate), "-noout", "-serial"]) for _ in range(3)}
    assert len(serials) == 3


@pytest.mark.parametrize("name", ["", "a/CN=admin", "a+b", "a b", "ä", "x" * 65, "$HOME", "a\nb"])
def test_a_name_that_means_more_in_a_subject_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be in a subject"):
        str(Subject(name))
    with pytest.raises(ValueError, match="cannot be in a subject"):
        str(Subject("joiner", name or " "))


@pytest.mark.parametrize("alternative", ["10.0.0.1", "DNS:a,DNS:b", "IP:10.0.0.1\nbasicConstraints=CA:TRUE", "URI:x"])
def test_an_alternative_name_that_means_more_is_refused(alternative: str) -> None:
    with pytest.raises(ValueError, match="is no alternative name"):
        leaf(["serverAuth"], alternative)


def test_a_client_and_a_server_trust_each_other_by_the_authority_alone(tmp_path: Path) -> None:
    server, client = leaf(["serverAuth"], "IP:127.0.0.1", "DNS:localhost"), leaf(["clientAuth"])
    accept, connect = (
        ssl.create_default_context(purpose, cadata=AUTHORITY.bundle)
        for purpose in (ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH)
    )
    accept.verify_mode = ssl.CERT_REQUIRED
    for context, own in ((accept, server), (connect, client)):
        pair = tmp_path / "pair"
        pair.write_text(own.certificate + own.key)
        context.load_cert_chain(pair)
    seen: list[object] = []

    def serve(bound: socket.socket) -> None:
        connection, _ = bound.accept()
        with accept.wrap_socket(connection, server_side=True) as answered:
            seen.append(answered.getpeercert()["subject"])  # type: ignore[index]
            answered.sendall(b"ok")

    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=serve, args=(bound,))
        thread.start()
        with (
            socket.create_connection(bound.getsockname()[:2], timeout=BUSY_SECONDS) as plain,
            connect.wrap_socket(plain, server_hostname="127.0.0.1") as asked,
        ):
            assert asked.recv(2) == b"ok"
        thread.join()
    assert seen == [
        (
            (("organizationName", "kubeadm:cluster-admins"),),
            (("commonName", "holdfast:joiner:i-0123456789abcdef0"),),
        )
    ]


def test_the_hash_of_an_authority_is_the_one_that_kubernetes_documents(tmp_path: Path) -> None:
    # https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#token-based-discovery-with-ca-pinning
    (tmp_path / "ca.crt").write_text(AUTHORITY.certificates[0])
    documented = "openssl x509 -pubkey -in ca.crt | openssl pkey -pubin -outform der | openssl dgst -sha256 -hex"
    done = subprocess.run(["sh", "-c", documented], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ca_hashes(AUTHORITY.certificates) == (f"sha256:{done.stdout.split()[-1]}",)


def test_every_authority_of_a_bundle_has_its_hash() -> None:
    other = new_authority("kubernetes", NOW)
    assert ca_hashes((*AUTHORITY.certificates, *other.certificates)) == (
        *ca_hashes(AUTHORITY.certificates),
        *ca_hashes(other.certificates),
    )


def test_a_key_has_the_same_fingerprint_in_a_request_a_certificate_and_alone() -> None:
    made = leaf(["clientAuth"])
    request = openssl(["req", "-new", "-key", Held(made.key), "-subj", "/O=system:nodes/CN=system:node:x"]).decode()
    prints = {key_fingerprint(made.key), certificate_fingerprint(made.certificate), parse(request).fingerprint}
    assert len(prints) == 1
    assert prints != {key_fingerprint(new_key())}


def test_what_is_no_certificate_is_refused_without_being_shown() -> None:
    with pytest.raises(OpensslFailed) as raised:
        inspect(AUTHORITY.keys[0])
    assert str(raised.value).startswith("openssl x509 ended with 1: ")
    assert not leaks({"key": AUTHORITY.keys[0]}, [("message", str(raised.value).encode())])
    assert raised.value.__cause__ is None


def test_a_missing_openssl_is_a_line_and_not_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OpensslFailed, match=r"^openssl genpkey: FileNotFoundError$"):
        new_key()


def test_no_key_is_on_a_command_line_or_in_the_environment_while_openssl_works() -> None:
    made = new_pki(NOW)
    found: list[str] = []
    working = threading.Event()

    def watch() -> None:
        while not working.is_set():
            found.extend(leaks(pki_secrets(made), process_arguments()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for authority in (made.cluster, made.etcd, made.front_proxy):
        for _ in range(5):
            issue(authority, JOINER, ["clientAuth"], NOW, HOUR)
    working.set()
    watcher.join()
    assert found == []


def test_nothing_stays_behind_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    new_pki(NOW)
    assert list(tmp_path.iterdir()) == []
