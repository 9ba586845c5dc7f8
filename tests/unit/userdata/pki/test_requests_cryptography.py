"""Our reader of requests against `cryptography`, on requests of every form and on requests that were damaged.

Whatever is accepted says the same to both, and what `cryptography` refuses is refused.
"""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.breaks import Draw
from tests.unit.userdata.pki import cryptography_requests as theirs
from tests.unit.userdata.pki.der import (
    BITS,
    BOOLEAN,
    INTEGER,
    NULL,
    OBJECT,
    OCTETS,
    PRINTABLE,
    SEQUENCE,
    SET,
    UTF8,
    Value,
    armoured,
    read,
    unarmoured,
)
from tests.unit.userdata.requests import signing_request
from userdata.pki.issuing import Subject, new_key, new_request
from userdata.pki.requests import CertificateRequest, RequestError, parse

NODE = "system:node:i-0123456789abcdef0"
GROUP = "system:nodes"

# How long an example takes says nothing on a busy machine.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ours(der: bytes) -> CertificateRequest | None:
    try:
        return parse(armoured(der))
    except RequestError:
        return None


def said_by(request: CertificateRequest) -> theirs.Said:
    """What was accepted, as `cryptography` has to say it: with nothing more."""
    return theirs.Said((request.common_name,), (request.organization,), request.names, request.addresses, ())


def agree(der: bytes) -> None:
    accepted = ours(der)
    if accepted is not None:
        assert theirs.said(der) == said_by(accepted), der.hex()


# whole requests


@dataclass(frozen=True)
class Asked:
    """What a request was generated of; each part of the subject is one relative name."""

    subject: tuple[tuple[x509.NameAttribute[str], ...], ...]
    alternatives: tuple[x509.GeneralName, ...] | None
    critical: bool = False
    extensions: tuple[x509.ExtensionType, ...] = ()
    password: bytes | None = None

    def expected(self) -> CertificateRequest | None:
        """What has to be read in it, None where it has to be refused."""
        parts = {part[0].oid: part[0].value for part in self.subject}
        alternatives = self.alternatives or ()
        refused = (
            [len(part) for part in self.subject] != [1, 1]
            or parts.keys() != {NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME}
            or not all(isinstance(each, x509.DNSName) or _is_address(each) for each in alternatives)
            or self.password is not None
        )
        if refused:
            return None
        names = tuple(each.value for each in alternatives if isinstance(each, x509.DNSName))
        addresses = tuple(str(each.value) for each in alternatives if isinstance(each, x509.IPAddress))
        return CertificateRequest(parts[NameOID.COMMON_NAME], parts[NameOID.ORGANIZATION_NAME], names, addresses)

    def signed(self, kind: str) -> bytes:
        builder = x509.CertificateSigningRequestBuilder(
            x509.Name([x509.RelativeDistinguishedName(part) for part in self.subject])
        )
        if self.alternatives is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(self.alternatives), self.critical)
        for extension in self.extensions:
            builder = builder.add_extension(extension, critical=not self.critical)
        if self.password is not None:
            builder = builder.add_attribute(theirs.CHALLENGE_PASSWORD, self.password)
        request = builder.sign(private_key(kind), None if kind == "Ed25519" else hashes.SHA256())
        return request.public_bytes(Encoding.DER)


def _is_address(name: x509.GeneralName) -> bool:
    """Not for a whole network, which such a name can also be."""
    return isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address)


KINDS = ("P-256", "P-384", "RSA", "Ed25519")


@cache
def private_key(kind: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    """One key of each kind: making an RSA key takes longer than all else here."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if kind == "P-256" else ec.SECP384R1())


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


# damaged requests


def asked_by_client() -> Asked:
    subject = [
        (x509.NameAttribute(NameOID.ORGANIZATION_NAME, GROUP),),
        (x509.NameAttribute(NameOID.COMMON_NAME, NODE),),
    ]
    return Asked(tuple(subject), None)


def asked_by_server() -> Asked:
    names = (
        x509.DNSName("i-0123456789abcdef0"),
        x509.IPAddress(ipaddress.ip_address("10.0.0.5")),
        x509.IPAddress(ipaddress.ip_address("fd00::5")),
    )
    return Asked(asked_by_client().subject, names)


@cache
def requests() -> tuple[bytes, ...]:
    """A client's request, a server's, and one with other extensions before and after its critical names."""
    more = Asked(
        asked_by_client().subject,
        asked_by_server().alternatives,
        critical=True,
        extensions=(
            x509.BasicConstraints(ca=False, path_length=None),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        ),
    )
    return asked_by_client().signed("P-256"), asked_by_server().signed("P-256"), more.signed("RSA")


VERSION, SUBJECT, KEY, ATTRIBUTES = (0, 0), (0, 1), (0, 2), (0, 3)
ALGORITHM, SIGNATURE = (1,), (2,)
EXTENSIONS = (*ATTRIBUTES, 0, 1, 0)

_TAGS = st.integers(0, 255) | st.sampled_from(
    (BOOLEAN, INTEGER, BITS, OCTETS, NULL, OBJECT, UTF8, PRINTABLE, SEQUENCE, SET, 0x1E, 0x82, 0x87, 0xA0)
)
_CONTENTS = st.binary(max_size=4) | st.sampled_from(
    [bytes.fromhex(each) for each in ("00", "ff", "0500", "55040a", "550403", "551d11", "551d0f", "5504800a", "3000")]
)
_CHANGES = st.sampled_from(("tag", "length", "trailing", "content", "insert", "drop", "double", "swap", "replace"))


class Damaged:
    """A request that is changed wherever our reader looks.

    It takes the key, the algorithm and the signature for granted, so that these keep their contents.
    """

    def __init__(self, der: bytes) -> None:
        self.whole = read(der)
        self._outer = [self.whole, self.whole.at(0)]
        self._opaque = [self.whole.at(*path) for path in (KEY, ALGORITHM, SIGNATURE)]

    def change(self, draw: Draw) -> None:
        if draw(st.integers(0, 5)) == 0:
            self._change_frame(draw)
            return
        found = list(self._inner(self.whole))
        if not found:
            return
        parent, value = draw(st.sampled_from(found))
        other = copy.deepcopy(draw(st.sampled_from(found))[1])
        siblings = parent.children
        index = [each is value for each in siblings].index(True)
        match draw(_CHANGES):
            case "tag":
                value.tag = draw(_TAGS)
            case "length":
                value.longer = draw(st.integers(1, 3))
            case "trailing":
                value.trailing = draw(_CONTENTS)
            case "content":
                value.content, value.children = draw(_CONTENTS), []
            case "insert":
                siblings.insert(index, other)
            case "drop":
                del siblings[index]
            case "double":
                siblings.insert(index, copy.deepcopy(value))
            case "swap":
                siblings[index], siblings[index - 1] = siblings[index - 1], siblings[index]
            case "replace":
                siblings[index] = other

    def _change_frame(self, draw: Draw) -> None:
        value = draw(st.sampled_from(self._outer + self._opaque))
        match draw(st.sampled_from(("tag", "length", "trailing"))):
            case "tag":
                value.tag = draw(_TAGS)
            case "length":
                value.longer = draw(st.integers(1, 3))
            case "trailing":
                draw(st.sampled_from(self._outer)).trailing = draw(_CONTENTS)

    def _inner(self, parent: Value) -> Iterator[tuple[Value, Value]]:
        """Every value that may be copied or replaced, after the one that it is in."""
        for value in parent.children:
            if any(value is each for each in self._opaque):
                continue
            if not any(value is each for each in self._outer):
                yield parent, value
            yield from self._inner(value)


@settings(patient, max_examples=200)
@given(st.data())
def test_a_request_of_changed_parts_is_refused_or_says_the_same_to_both(data: st.DataObject) -> None:
    damaged = Damaged(data.draw(st.sampled_from(requests())))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged.change(data.draw)
    agree(bytes(damaged.whole))


def _read_bytes(der: bytes) -> list[int]:
    """The positions of the bytes that our reader looks at: all but the contents of key, algorithm and signature."""
    whole = read(der)
    left: set[int] = set()
    for path in (KEY, ALGORITHM, SIGNATURE):
        encoded = bytes(whole.at(*path))
        start = der.index(encoded)
        left |= {*range(start + len(encoded) - len(whole.at(*path).inside()), start + len(encoded))}
    return sorted({*range(len(der))} - left)


@settings(patient, max_examples=200)
@given(st.data())
def test_a_request_of_changed_bytes_is_refused_or_says_the_same_to_both(data: st.DataObject) -> None:
    der = bytearray(data.draw(st.sampled_from(requests())))
    for position in data.draw(st.lists(st.sampled_from(_read_bytes(bytes(der))), min_size=1, max_size=2)):
        der[position] = data.draw(st.integers(0, 255))
    agree(bytes(der))


@patient
@given(st.data())
def test_a_request_that_is_cut_or_longer_is_refused_by_both(data: st.DataObject) -> None:
    der = data.draw(st.sampled_from(requests()))
    changed = data.draw(
        st.integers(0, len(der) - 1).map(lambda length: der[:length])
        | (st.binary(min_size=1, max_size=8) | st.sampled_from((b"0\0", b"\5\0", der))).map(lambda more: der + more)
    )
    assert (ours(changed), theirs.said(changed)) == (None, None)


@settings(patient, max_examples=40)
@given(st.data())
def test_no_answer_depends_on_what_is_left_to_others(data: st.DataObject) -> None:
    der = data.draw(st.sampled_from(requests()))
    changed = bytearray(der)
    position = data.draw(st.sampled_from(sorted({*range(len(der))} - {*_read_bytes(der)})))
    changed[position] = data.draw(st.integers(0, 255))
    assert ours(bytes(changed)) == ours(der)
    assert theirs.said(bytes(changed)) in (None, theirs.said(der))
    key = theirs.written(bytes(changed))
    # What `cryptography` refuses has nothing to compare with; the API server does not store it either.
    if key is None:
        return
    read = parse(armoured(bytes(changed))).fingerprint
    # A key that is not written as DER has it: with another fingerprint it is nobody's.
    assert read == theirs.fingerprint(bytes(changed)) or key not in changed


@patient
@given(st.data())
def test_a_text_with_more_or_less_in_it_is_refused_or_the_same_to_both(data: st.DataObject) -> None:
    der = data.draw(st.sampled_from(requests()))
    text = armoured(der)
    position = data.draw(st.integers(0, len(text)))
    if data.draw(st.booleans()):
        text = text[:position] + data.draw(st.text("\n\r\t =-:\0é\ud800", min_size=1, max_size=3)) + text[position:]
    else:
        text = text[:position].rstrip() + text[position:].lstrip()
    try:
        parse(text)
    except RequestError:
        return
    assert x509.load_pem_x509_csr(text.encode()).public_bytes(Encoding.DER) == der


# what was once accepted, or must never be


def _set(path: tuple[int, ...], **fields: Any) -> Callable[[Value], None]:
    def change(whole: Value) -> None:
        for name, value in fields.items():
            setattr(whole.at(*path), name, value)

    return change


def _add(path: tuple[int, ...], *values: Value) -> Callable[[Value], None]:
    return lambda whole: whole.at(*path).children.extend(values)


def _copy(path: tuple[int, ...]) -> Callable[[Value], None]:
    return lambda whole: whole.at(*path[:-1]).children.append(copy.deepcopy(whole.at(*path)))


def _join_subject(whole: Value) -> None:
    first, second = whole.at(*SUBJECT).children
    first.children += second.children
    whole.at(*SUBJECT).children = [first]


def _drop_signature(whole: Value) -> None:
    del whole.children[SIGNATURE[-1]]


def _drop_attributes(whole: Value) -> None:
    del whole.at(0).children[ATTRIBUTES[-1]]


def _extension(identifier: str, *between: Value) -> Value:
    return Value(SEQUENCE, children=[Value(OBJECT, bytes.fromhex(identifier)), *between, Value(OCTETS, b"any")])


EXTENSION = (*EXTENSIONS, 0)
NAMES = (*EXTENSION, 1, 0)
DAMAGES: dict[str, Callable[[Value], None]] = {
    "a second organization": _copy((*SUBJECT, 0)),
    "two names in one part of the subject": _join_subject,
    "the extension of names twice": _copy(EXTENSION),
    "another extension twice": _add(EXTENSIONS, _extension("551d0e"), _extension("551d0e")),
    "two requests for extensions": _copy((*ATTRIBUTES, 0)),
    "two lists of extensions": _copy((*ATTRIBUTES, 0, 1, 0)),
    "no list of extensions": _set((*ATTRIBUTES, 0, 1), children=[]),
    "another attribute": _set((*ATTRIBUTES, 0, 0), content=bytes.fromhex("2a864886f70d010907")),
    "a name in two-byte characters": _set((*SUBJECT, 0, 0, 1), tag=0x1E),
    "a name that is no UTF-8": _set((*SUBJECT, 0, 0, 1), content=b"\xff"),
    "a server's name beyond ASCII": _set((*NAMES, 0), content=b"\xc3\xa9"),
    "an address of three bytes": _set((*NAMES, 1), content=b"\1\2\3"),
    "a network for an address": _set((*NAMES, 1), content=bytes.fromhex("0a000000ff000000")),
    "something after a name in the subject": _add((*SUBJECT, 0, 0), Value(NULL)),
    "no attributes": _drop_attributes,
    "another version": _set(VERSION, content=b"\1"),
    "a version that is no number": _set(VERSION, content=b""),
    "no signature": _drop_signature,
    "something after the signature": _add((), Value(NULL)),
    "something after the attributes": _add((0,), Value(NULL)),
    "something after an extension's value": _add(EXTENSION, Value(OCTETS, b"any"), Value(OCTETS, b"any")),
    "something after the names": _set((*EXTENSION, 1), trailing=b"\0"),
    "what is signed is a set": _set((0,), tag=SET),
    "the signature is an octet string": _set(SIGNATURE, tag=OCTETS),
    "an extension that is said not to be critical": _add(EXTENSIONS, _extension("551d0e", Value(BOOLEAN, b"\0"))),
    "an extension that is critical by another number": _add(EXTENSIONS, _extension("551d0e", Value(BOOLEAN, b"\1"))),
    "an identifier with a leading zero": _add(EXTENSIONS, _extension("55801d11")),
    "an identifier that ends early": _add(EXTENSIONS, _extension("551d91")),
    "an identifier of nothing": _add(EXTENSIONS, _extension("")),
    "an identifier of a hundred bytes": _add(EXTENSIONS, _extension("55" * 100)),
    "a length that is longer than it need be": _set((*SUBJECT, 0), longer=1),
    "a long length that is longer than it need be": _set((), longer=1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_form_that_no_kubelet_writes_is_refused(damage: Callable[[Value], None]) -> None:
    whole = read(asked_by_server().signed("P-256"))
    assert ours(bytes(whole)) is not None
    damage(whole)
    assert ours(bytes(whole)) is None


def test_base64_with_bits_that_mean_nothing_is_refused() -> None:
    text = next(text for text in map(armoured, _of_every_length()) if "=\n-----END" in text)
    last = text[: text.index("=")][-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    changed = text.replace(f"{last}=", f"{alphabet[alphabet.index(last) + 1]}=", 1)
    assert unarmoured(changed) == unarmoured(text)
    with pytest.raises(RequestError, match="base64"):
        parse(changed)


def _of_every_length() -> Iterator[bytes]:
    for length in range(1, 4):
        subject = (asked_by_client().subject[0], (x509.NameAttribute(NameOID.COMMON_NAME, "a" * length),))
        yield Asked(subject, None).signed("Ed25519")
