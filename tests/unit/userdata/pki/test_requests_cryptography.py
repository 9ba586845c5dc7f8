"""Our reader of requests against `cryptography`, on whole requests of every form and of every program.

Whatever is accepted says the same to both, and what `cryptography` refuses is refused.
"""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.userdata.pki import cryptography_requests as theirs
from tests.unit.userdata.pki.asked_requests import (
    GROUP,
    KINDS,
    NODE,
    Asked,
    agree,
    asked_by_server,
    ours,
    patient,
    said_by,
)
from tests.unit.userdata.pki.der import (
    PRINTABLE,
    UTF8,
    armoured,
    read,
    unarmoured,
)
from tests.unit.userdata.requests import signing_request
from userdata.pki.issuing import Subject, new_key, new_request
from userdata.pki.requests import CertificateRequest, parse

_WORDS = st.text(min_size=1, max_size=20) | st.sampled_from((NODE, GROUP, "system:masters", "a,CN=b", "a\0b"))
_OF_A_NODE = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
_OTHERS = (NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME, NameOID.USER_ID, ObjectIdentifier("1.2.3.4"))


def _named(oids: tuple[ObjectIdentifier, ...]) -> st.SearchStrategy[x509.NameAttribute[str]]:
    return st.builds(lambda oid, word: x509.NameAttribute(oid, word, _validate=False), st.sampled_from(oids), _WORDS)


_PART = st.lists(_named(_OF_A_NODE + _OTHERS), min_size=1, max_size=2, unique_by=lambda each: each.oid).map(tuple)


def _subject_of(*oids: ObjectIdentifier) -> st.SearchStrategy[tuple[tuple[x509.NameAttribute[str], ...], ...]]:
    return st.permutations(oids).flatmap(lambda order: st.tuples(*(st.tuples(_named((oid,))) for oid in order)))


_SUBJECTS = (
    _subject_of(*_OF_A_NODE)
    | _subject_of(*_OF_A_NODE)
    | _subject_of(*_OF_A_NODE, NameOID.ORGANIZATION_NAME)
    | st.lists(st.tuples(_named(_OF_A_NODE)) | _PART, max_size=4).map(tuple)
)
_ASCII = st.text(st.characters(max_codepoint=127), max_size=20)
_SERVER = st.builds(x509.DNSName, _ASCII) | st.builds(x509.IPAddress, st.ip_addresses())
_ALTERNATIVE = (
    _SERVER
    | st.builds(x509.UniformResourceIdentifier, _ASCII)
    | st.builds(x509.RFC822Name, st.sampled_from(("a@example.com", "b@example.org")))
    | st.builds(x509.IPAddress, st.just(ipaddress.ip_network("10.0.0.0/8")))
    | st.just(x509.RegisteredID(ObjectIdentifier("1.2.3")))
    | st.just(x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])))
)
_ALTERNATIVES = (
    st.none() | st.lists(_SERVER, max_size=4).map(tuple) | st.lists(_ALTERNATIVE, min_size=1, max_size=4).map(tuple)
)
_EXTENSIONS = st.lists(
    st.sampled_from(
        (
            x509.BasicConstraints(ca=True, path_length=0),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
            x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"any"),
        )
    ),
    max_size=3,
    unique_by=lambda each: each.oid,
).map(tuple)
_ASKED = st.builds(
    Asked, _SUBJECTS, _ALTERNATIVES, st.booleans(), _EXTENSIONS, st.none() | st.none() | st.none() | st.just(b"secret")
)


@patient
@given(_ASKED, st.sampled_from(KINDS), st.booleans())
def test_a_generated_request_is_read_as_it_was_made_and_as_cryptography_reads_it(
    asked: Asked, kind: str, printable: bool
) -> None:
    request = read(asked.signed(kind))
    if printable:
        for value in request.at(0, 1).walk():
            value.tag = PRINTABLE if value.tag == UTF8 and _is_printable(value.content) else value.tag
    der = bytes(request)
    assert ours(der) == asked.expected()
    agree(der)


def _is_printable(content: bytes) -> bool:
    return all(chr(each).isascii() and (chr(each).isalnum() or chr(each) in " '()+,-./:=?") for each in content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_has_the_fingerprint_that_cryptography_gives_it(kind: str) -> None:
    der = asked_by_server().signed(kind)
    assert parse(armoured(der)).fingerprint == theirs.fingerprint(der)


@pytest.mark.parametrize("alternatives", ["", "DNS:a,IP:10.0.0.5,IP:fd00::5,IP:::ffff:10.0.0.5"])
@pytest.mark.parametrize(
    "subject", [[f"O = {GROUP}", f"CN = {NODE}"], [f"CN = {NODE}", f"O = {GROUP}"], ["O = Knoten ü", "CN = ☸"]]
)
def test_a_request_by_openssl_is_accepted_and_says_the_same(subject: list[str], alternatives: str) -> None:
    pem = signing_request(subject, alternatives, more="keyUsage = critical, digitalSignature\n")
    der = unarmoured(pem)
    assert theirs.said(der) == said_by(parse(pem))
    assert parse(pem).fingerprint == theirs.fingerprint(der)


def test_a_request_of_our_own_is_accepted_and_says_the_same() -> None:
    pem = new_request(Subject(NODE, GROUP), new_key())
    der = unarmoured(pem)
    assert parse(pem) == CertificateRequest(NODE, GROUP)
    assert theirs.said(der) == said_by(parse(pem))
    assert parse(pem).fingerprint == theirs.fingerprint(der)


# By crypto/x509 of Go, with which kubelets write theirs.
GO_CLIENT = """\
-----BEGIN CERTIFICATE REQUEST-----
MIH8MIGjAgEAMEExFTATBgNVBAoTDHN5c3RlbTpub2RlczEoMCYGA1UEAxMfc3lz
dGVtOm5vZGU6aS0wMTIzNDU2Nzg5YWJjZGVmMDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABM9gqN0WPHs4d+up8unntpggCCph/Y5O8xcZb6ZpldO6q8ilvRFlc5dZ
SHMY9cHVurUR/Hs/sULdnY3waawXHuWgADAKBggqhkjOPQQDAgNIADBFAiEAkcbm
MnGAfztoWjKGRQ3pNzetdpdOsb24nI3WfCdWdeECIBTYglcqf+YrkTx2oKuCpoVr
jI8vOiY3vZb2MF8iw7zc
-----END CERTIFICATE REQUEST-----
"""
GO_SERVER = """\
-----BEGIN CERTIFICATE REQUEST-----
MIIBRTCB7AIBADBBMRUwEwYDVQQKEwxzeXN0ZW06bm9kZXMxKDAmBgNVBAMTH3N5
c3RlbTpub2RlOmktMDEyMzQ1Njc4OWFiY2RlZjAwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATPYKjdFjx7OHfrqfLp57aYIAgqYf2OTvMXGW+maZXTuqvIpb0RZXOX
WUhzGPXB1bq1Efx7P7FC3Z2N8GmsFx7loEkwRwYJKoZIhvcNAQkOMTowODA2BgNV
HREELzAtghNpLTAxMjM0NTY3ODlhYmNkZWYwhwQKAAAFhxD9AAAAAAAAAAAAAAAA
AAAFMAoGCCqGSM49BAMCA0gAMEUCIGDSqYcCH/Vx8VAz5aPUMMMx/2y8DpwIVb+k
Qp9Wz//PAiEAuX9xE4WXOvUMJGs91llDTgcaFvm2QSNyzy3QXV+JfeQ=
-----END CERTIFICATE REQUEST-----
"""
GO_TWO_ORGANIZATIONS = """\
-----BEGIN CERTIFICATE REQUEST-----
MIHdMIGEAgEAMCIxFDAIBgNVBAoTAWIwCAYDVQQKEwFjMQowCAYDVQQDEwFhMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEz2Co3RY8ezh366ny6ee2mCAIKmH9jk7z
FxlvpmmV07qryKW9EWVzl1lIcxj1wdW6tRH8ez+xQt2djfBprBce5aAAMAoGCCqG
SM49BAMCA0gAMEUCIAmnXVEXx2rUraHVq0H2sZfzZ5QYxbSw4/UB9hD71eqgAiEA
i26FoVsipO7NsWaIRXksfbY/KkELhVcKnbM8DMnAERA=
-----END CERTIFICATE REQUEST-----
"""


@pytest.mark.parametrize(
    ("pem", "expected"),
    [
        (GO_CLIENT, CertificateRequest(NODE, GROUP)),
        (GO_SERVER, CertificateRequest(NODE, GROUP, ("i-0123456789abcdef0",), ("10.0.0.5", "fd00::5"))),
    ],
    ids=["client", "server"],
)
def test_a_request_by_go_is_accepted_and_says_the_same(pem: str, expected: CertificateRequest) -> None:
    assert parse(pem) == expected
    assert theirs.said(unarmoured(pem)) == said_by(expected)
    assert parse(pem).fingerprint == theirs.fingerprint(unarmoured(pem))


def test_two_organizations_as_go_writes_them_are_refused() -> None:
    said = theirs.said(unarmoured(GO_TWO_ORGANIZATIONS))
    assert said is not None
    assert said.organizations == ("b", "c")
    assert ours(unarmoured(GO_TWO_ORGANIZATIONS)) is None
