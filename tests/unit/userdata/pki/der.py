"""DER as a tree that tests take apart, change and write again, wrong forms of it among them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field

BOOLEAN, INTEGER, BITS, OCTETS, NULL, OBJECT, UTF8 = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C
PRINTABLE, SEQUENCE, SET = 0x13, 0x30, 0x31
_CONSTRUCTED = 0x20


@dataclass
class Value:
    """One value: its content is `content`, then its children, then `trailing`.

    `longer` is how many bytes more than needed its length is written in.
    """

    tag: int
    content: bytes = b""
    children: list[Value] = field(default_factory=list)
    trailing: bytes = b""
    longer: int = 0

    def __bytes__(self) -> bytes:
        content = self.inside()
        return bytes([self.tag]) + _length(len(content), self.longer) + content

    def inside(self) -> bytes:
        """All that its length counts."""
        return self.content + b"".join(map(bytes, self.children)) + self.trailing

    def walk(self) -> Iterator[Value]:
        """The value, and everything in it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def at(self, *path: int) -> Value:
        """The descendant that is reached by going down to these children."""
        return self.children[path[0]].at(*path[1:]) if path else self


def read(der: bytes) -> Value:
    """The tree of a right value. An octet string that holds one value, as that of an extension does, has a child."""
    (value,) = _read(der)
    return value


def armoured(der: bytes) -> str:
    """As PEM, with the label of a request."""
    lines = base64.encodebytes(der).decode().replace("\n", "")
    body = "".join(f"{lines[start : start + 64]}\n" for start in range(0, len(lines), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def unarmoured(pem: str) -> bytes:
    """What a PEM text of one block holds."""
    return base64.b64decode("".join(pem.split("-----")[2].split()))


def _length(length: int, longer: int) -> bytes:
    if length < 0x80 and not longer:
        return bytes([length])
    size = max(1, (length.bit_length() + 7) // 8) + max(0, longer - (length < 0x80))
    return bytes([0x80 | size]) + length.to_bytes(size, "big")


def _read(der: bytes) -> list[Value]:
    found: list[Value] = []
    while der:
        tag, length, start = der[0], der[1], 2
        if length >= 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start], "big")
        content, der = der[start : start + length], der[start + length :]
        if len(content) != length:
            raise ValueError("it ends early")
        found.append(_value(tag, content))
    return found


def _value(tag: int, content: bytes) -> Value:
    if tag & _CONSTRUCTED:
        return Value(tag, children=_read(content))
    if tag == OCTETS and content[:1] == bytes([SEQUENCE]):
        return Value(tag, children=[read(content)])
    return Value(tag, content)
