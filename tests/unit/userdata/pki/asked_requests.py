"""Requests for certificates as clients and servers ask, and what our reader and `cryptography` read in them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, settings

from tests.unit.userdata.pki import cryptography_requests as theirs
from tests.unit.userdata.pki.der import (
    armoured,
)
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
