"""What a certificate is requested for: read strictly, and anything unusual is refused.

Not from what openssl prints: there a name with a comma in it looks like two names.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

_PEM = re.compile(
    r"-----BEGIN CERTIFICATE REQUEST-----\n((?:[A-Za-z0-9+/]{1,64}={0,2}\n)+)-----END CERTIFICATE REQUEST-----\n?"
)

# https://www.itu.int/rec/T-REC-X.690: the tags that a request is made of.
_INTEGER, _OCTETS, _OBJECT, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31
_BOOLEAN = 0x01
_UTF8, _PRINTABLE = 0x0C, 0x13
_ATTRIBUTES = 0xA0
# RFC 5280, GeneralName.
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

_COMMON_NAME = bytes.fromhex("550403")
_ORGANIZATION = bytes.fromhex("55040a")
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
# pkcs-9-at-extensionRequest, 1.2.840.113549.1.9.14
_EXTENSION_REQUEST = bytes.fromhex("2a864886f70d01090e")


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
    try:
        return base64.b64decode(found[1].replace("\n", ""), validate=True)
    except binascii.Error:
        raise RequestError("it is no base64") from None


def _request(der: bytes) -> CertificateRequest:
    (whole,) = _parts(der, _SEQUENCE)
    information, *_ = _values(whole)
    _, subject, _, *attributes = _expected(information[1], (_INTEGER, _SEQUENCE, _SEQUENCE, _ATTRIBUTES))
    common_name, organization = _subject(subject)
    names, addresses = _alternatives(attributes[0] if attributes else b"")
    return CertificateRequest(common_name, organization, names, addresses)


def _subject(name: bytes) -> tuple[str, str]:
    found: dict[bytes, str] = {}
    for relative in _parts(name, _SET):
        for pair in _parts(relative, _SEQUENCE):
            (tag, key), (kind, value) = _values(pair)
            if tag != _OBJECT or key not in (_COMMON_NAME, _ORGANIZATION) or key in found:
                raise RequestError("its subject has more than one organization and one name")
            if kind not in (_UTF8, _PRINTABLE):
                raise RequestError("its subject is written in an unusual alphabet")
            found[key] = value.decode("utf-8")
    if len(found) != 2:
        raise RequestError("its subject lacks the organization or the name")
    return found[_COMMON_NAME], found[_ORGANIZATION]


def _alternatives(attributes: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    extensions = [each for each in _extensions(attributes) if each[0] == _ALTERNATIVE_NAMES]
    if not extensions:
        return (), ()
    if len(extensions) > 1:
        raise RequestError("it has alternative names twice")
    names: list[str] = []
    addresses: list[str] = []
    (general,) = _parts(extensions[0][1], _SEQUENCE)
    for kind, value in _values(general):
        if kind == _DNS_NAME:
            names.append(value.decode("ascii"))
        elif kind == _IP_ADDRESS:
            addresses.append(str(ipaddress.ip_address(value)))
        else:
            raise RequestError("an alternative name is neither a DNS name nor an address")
    return tuple(names), tuple(addresses)


def _extensions(attributes: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The identifiers and values of the extensions that are asked for."""
    for attribute in _parts(attributes, _SEQUENCE):
        (tag, key), (kind, values) = _values(attribute)
        if (tag, kind) != (_OBJECT, _SET):
            raise RequestError("an attribute is none")
        if key != _EXTENSION_REQUEST:
            raise RequestError("it has an attribute that no kubelet sends")
        for extensions in _parts(values, _SEQUENCE):
            for extension in _parts(extensions, _SEQUENCE):
                (tag, name), *rest = _values(extension)
                critical, value = rest if len(rest) == 2 else ((_BOOLEAN, b""), rest[0])
                if (tag, critical[0], value[0]) != (_OBJECT, _BOOLEAN, _OCTETS):
                    raise RequestError("an extension is none")
                yield name, value[1]


def _expected(content: bytes, tags: tuple[int, ...]) -> list[bytes]:
    found = list(_values(content))
    if [tag for tag, _ in found] != list(tags[: len(found)]) or len(found) < len(tags) - 1:
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
            position += count
        if position + length > len(content):
            raise RequestError("it ends early")
        yield tag, content[position : position + length]
        position += length
