"""What a certificate is requested for: read strictly, and anything unusual is refused.

Not from what openssl prints: there a name with a comma in it looks like two names.

What is accepted is DER of exactly the form that kubelets send, so that no two readers of it differ. Two things are not
judged here, and no answer depends on them. The key and the signature: the API server stores no request whose key it
cannot read or whose signature is wrong, and a key that is written in an unusual way has another fingerprint than the
one that a node publishes. The values of extensions other than alternative names: the signers of Kubernetes copy none of
them into a certificate.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_PEM = re.compile(
    r"-----BEGIN CERTIFICATE REQUEST-----\n((?:[A-Za-z0-9+/]{1,64}={0,2}\n)+)-----END CERTIFICATE REQUEST-----\n?"
)

# https://www.itu.int/rec/T-REC-X.690: the tags that a request is made of.
_BOOLEAN, _INTEGER, _BITS, _OCTETS, _OBJECT, _SEQUENCE, _SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
_UTF8, _PRINTABLE = 0x0C, 0x13
_ATTRIBUTES = 0xA0
# RFC 5280, GeneralName.
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

_COMMON_NAME = bytes.fromhex("550403")
_ORGANIZATION = bytes.fromhex("55040a")
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
# pkcs-9-at-extensionRequest, 1.2.840.113549.1.9.14
_EXTENSION_REQUEST = bytes.fromhex("2a864886f70d01090e")

# RFC 2986: the only version that there is.
_VERSION = b"\0"
# DER writes no FALSE where it is the default.
_TRUE = b"\xff"
# Numbers of up to 28 bits without leading zeros: Go reads 31 bits, and no identifier of an extension is longer.
_IDENTIFIER = re.compile(rb"(?:(?!\x80)[\x80-\xff]{0,3}[\x00-\x7f]){1,15}")


class RequestError(ValueError):
    """The text is no request, or one for something that no kubelet asks for."""


@dataclass(frozen=True)
class CertificateRequest:
    """What a request says of who asks. Nothing else may be in its subject or among its alternative names."""

    common_name: str
    organization: str
    names: tuple[str, ...] = ()
    """Alternative names of a server: DNS names, and addresses in their usual form."""
    addresses: tuple[str, ...] = ()
    fingerprint: str = field(default="", compare=False)
    """Of the key, as `inspecting.key_fingerprint`. Read here, for openssl would cost a process for each request."""


def parse(text: str) -> CertificateRequest:
    """The request in a PEM text of one block. Raises RequestError."""
    try:
        return _request(_der(text))
    except (IndexError, ValueError) as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError("it ends early, or holds what it must not") from None


def _der(text: str) -> bytes:
    found = _PEM.fullmatch(text)
    if found is None:
        raise RequestError("it is no single CERTIFICATE REQUEST")
    encoded = found[1].replace("\n", "")
    try:
        der = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise RequestError("it is no base64") from None
    if base64.b64encode(der).decode() != encoded:
        raise RequestError("its base64 has bits that mean nothing")
    return der


def _request(der: bytes) -> CertificateRequest:
    (whole,) = _parts(der, _SEQUENCE)
    information, _, _ = _expected(whole, (_SEQUENCE, _SEQUENCE, _BITS))
    version, subject, key, attributes = _expected(information, (_INTEGER, _SEQUENCE, _SEQUENCE, _ATTRIBUTES))
    if version != _VERSION:
        raise RequestError("its version is unknown")
    common_name, organization = _subject(subject)
    names, addresses = _alternatives(_extensions(attributes).get(_ALTERNATIVE_NAMES))
    return CertificateRequest(
        common_name, organization, names, addresses, hashlib.sha256(_encoded(_SEQUENCE, key)).hexdigest()
    )


def _encoded(tag: int, content: bytes) -> bytes:
    """A value as DER writes it, and as it stood there: `_values` accepts no other length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _subject(name: bytes) -> tuple[str, str]:
    found: dict[bytes, str] = {}
    for relative in _parts(name, _SET):
        pairs = _parts(relative, _SEQUENCE)
        if len(pairs) != 1:
            raise RequestError("a part of its subject is not one name")
        (tag, key), (kind, value) = _values(pairs[0])
        if tag != _OBJECT or key not in (_COMMON_NAME, _ORGANIZATION) or key in found:
            raise RequestError("its subject has more than one organization and one name")
        if kind not in (_UTF8, _PRINTABLE):
            raise RequestError("its subject is written in an unusual alphabet")
        found[key] = value.decode("utf-8")
    if len(found) != 2:
        raise RequestError("its subject lacks the organization or the name")
    return found[_COMMON_NAME], found[_ORGANIZATION]


def _alternatives(value: bytes | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """DNS names and addresses of the extension with this value; none where there is no such extension."""
    names: list[str] = []
    addresses: list[str] = []
    (general,) = _parts(value, _SEQUENCE) if value is not None else (b"",)
    for kind, content in _values(general):
        if kind == _DNS_NAME:
            names.append(content.decode("ascii"))
        elif kind == _IP_ADDRESS:
            addresses.append(str(ipaddress.ip_address(content)))
        else:
            raise RequestError("an alternative name is neither a DNS name nor an address")
    return tuple(names), tuple(addresses)


def _extensions(attributes: bytes) -> dict[bytes, bytes]:
    """The values of the extensions that are asked for, by their identifiers."""
    asked = _parts(attributes, _SEQUENCE)
    if not asked:
        return {}
    if len(asked) > 1:
        raise RequestError("it has more than one attribute")
    key, values = _expected(asked[0], (_OBJECT, _SET))
    if key != _EXTENSION_REQUEST:
        raise RequestError("it has an attribute that no kubelet sends")
    (extensions,) = _parts(values, _SEQUENCE)
    found: dict[bytes, bytes] = {}
    for extension in _parts(extensions, _SEQUENCE):
        (tag, name), *critical, (kind, value) = _values(extension)
        if (tag, kind) != (_OBJECT, _OCTETS) or critical not in ([], [(_BOOLEAN, _TRUE)]):
            raise RequestError("an extension is none")
        if not _IDENTIFIER.fullmatch(name):
            raise RequestError("the identifier of an extension is unusual")
        if name in found:
            raise RequestError("it has an extension twice")
        found[name] = value
    return found


def _expected(content: bytes, tags: tuple[int, ...]) -> list[bytes]:
    """The contents of values that must have exactly these tags."""
    found = list(_values(content))
    if tuple(tag for tag, _ in found) != tags:
        raise RequestError("its parts are not those of a request")
    return [value for _, value in found]


def _parts(content: bytes, tag: int) -> list[bytes]:
    """The contents of values that must all have one tag."""
    found = list(_values(content))
    if any(each != tag for each, _ in found):
        raise RequestError("its parts are not those of a request")
    return [value for _, value in found]


def _values(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of the values that `content` is made of, to its very end."""
    position = 0
    while position < len(content):
        tag, length = content[position], content[position + 1]
        position += 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise RequestError("a length is unusual")
            length = int.from_bytes(content[position : position + count], "big")
            if length < max(0x80, 1 << 8 * (count - 1)):
                raise RequestError("a length is longer than it need be")
            position += count
        if position + length > len(content):
            raise RequestError("it ends early")
        yield tag, content[position : position + length]
        position += length
