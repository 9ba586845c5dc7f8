"""What the package `cryptography` reads in a request for a certificate: what our reader is held against."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, ExtensionOID, NameOID

from tests.unit.userdata.pki.der import SEQUENCE, Value


@dataclass(frozen=True)
class Said:
    """What a request says; `more` is what it asks for besides, in its subject, alternative names and attributes."""

    common_names: tuple[str, ...]
    organizations: tuple[str, ...]
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    more: tuple[str, ...]


@asn1.sequence
class _Extension:
    identifier: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class _Extensions:
    requested: list[_Extension]


def said(der: bytes) -> Said | None:
    """What `cryptography` says of a request, None where it refuses it."""
    try:
        request = x509.load_der_x509_csr(der)
        with warnings.catch_warnings():
            # An empty name is read, with a warning.
            warnings.simplefilter("ignore")
            subject = [(each.oid, str(each.value)) for each in request.subject]
        alternatives = _alternatives(request)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
    read = {NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME}
    understood = (x509.DNSName, x509.IPAddress)
    attributes = [each.oid for each in request.attributes]
    return Said(
        common_names=tuple(value for oid, value in subject if oid == NameOID.COMMON_NAME),
        organizations=tuple(value for oid, value in subject if oid == NameOID.ORGANIZATION_NAME),
        names=tuple(each.value for each in alternatives if isinstance(each, x509.DNSName)),
        addresses=tuple(str(each.value) for each in alternatives if isinstance(each, x509.IPAddress)),
        more=(
            *(oid.dotted_string for oid, _ in subject if oid not in read),
            *(repr(each) for each in alternatives if not isinstance(each, understood)),
            *(oid.dotted_string for oid in attributes if oid != EXTENSION_REQUEST or attributes.count(oid) > 1),
        ),
    )


EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
CHALLENGE_PASSWORD = AttributeOID.CHALLENGE_PASSWORD


def fingerprint(der: bytes) -> str | None:
    """sha256 of the key's SubjectPublicKeyInfo; None where the request or its key is refused."""
    key = written(der)
    return None if key is None else hashlib.sha256(key).hexdigest()


def written(der: bytes) -> bytes | None:
    """The key's SubjectPublicKeyInfo; None where the request or its key is refused."""
    try:
        key = x509.load_der_x509_csr(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _alternatives(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    try:
        extensions = request.extensions
    except x509.DuplicateExtension:
        raise
    except ValueError:
        # One whose value is none. If it is not the alternative names', no answer may depend on it.
        extensions = _without_other_values(request).extensions
    try:
        return list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _without_other_values(request: x509.CertificateSigningRequest) -> x509.CertificateSigningRequest:
    """A request for the same alternative names and no other extension. Raises ValueError, DuplicateExtension."""
    encoded = request.attributes.get_attribute_for_oid(EXTENSION_REQUEST).value
    requested = asn1.decode_der(_Extensions, bytes(Value(SEQUENCE, bytes(Value(SEQUENCE, encoded))))).requested
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    seen: set[x509.ObjectIdentifier] = set()
    for each in requested:
        if each.identifier in seen:
            raise x509.DuplicateExtension("requested twice", each.identifier)
        seen.add(each.identifier)
        if each.identifier == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            builder = builder.add_extension(x509.UnrecognizedExtension(each.identifier, each.value), each.critical)
    return builder.sign(_any_key(), hashes.SHA256())


@cache
def _any_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
