"""Forms of requests that no kubelet writes, each of which was once accepted or must never be."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.unit.userdata.pki.asked_requests import (
    ATTRIBUTES,
    EXTENSIONS,
    SIGNATURE,
    SUBJECT,
    VERSION,
    Asked,
    asked_by_client,
    asked_by_server,
    ours,
)
from tests.unit.userdata.pki.der import (
    BOOLEAN,
    NULL,
    OBJECT,
    OCTETS,
    SEQUENCE,
    SET,
    Value,
    armoured,
    read,
    unarmoured,
)
from userdata.pki.requests import RequestError, parse

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
