"""Requests that were damaged at random: ours and `cryptography` read the same in them, or both refuse them."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.breaks import Draw
from tests.unit.userdata.pki import cryptography_requests as theirs
from tests.unit.userdata.pki.asked_requests import (
    ALGORITHM,
    KEY,
    SIGNATURE,
    agree,
    ours,
    patient,
    requests,
)
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
)
from userdata.pki.requests import RequestError, parse

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
