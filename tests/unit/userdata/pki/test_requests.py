"""Requests are read as they are, and what no kubelet sends is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.userdata.pki.der import armoured, unarmoured
from tests.unit.userdata.requests import of_node, signing_request
from userdata.pki.requests import CertificateRequest, RequestError, parse

NODE = "i-0123456789abcdef0"
NAMED = ["O = system:nodes", f"CN = system:node:{NODE}"]
PLAIN = of_node(NODE)
SERVING = of_node(NODE, f"DNS:{NODE},IP:10.0.0.5,IP:fd00::5")


def test_a_clients_request_names_the_node() -> None:
    assert parse(PLAIN) == CertificateRequest(f"system:node:{NODE}", "system:nodes")


def test_a_servers_request_names_hosts_and_addresses() -> None:
    assert parse(SERVING) == CertificateRequest(f"system:node:{NODE}", "system:nodes", (NODE,), ("10.0.0.5", "fd00::5"))


def test_a_name_with_a_comma_in_it_is_one_name() -> None:
    request = signing_request(NAMED, "@names", more="[names]\nDNS.1 = a\\, DNS:b\n")
    assert parse(request).names == ("a, DNS:b",)


@pytest.mark.parametrize(
    "subject",
    [
        ["CN = system:node:i-1"],
        ["O = system:nodes"],
        ["O = system:nodes", "O = system:masters", "CN = system:node:i-1"],
        ["O = system:nodes", "CN = system:node:i-1", "CN = system:node:i-2"],
        ["O = system:nodes", "OU = any", "CN = system:node:i-1"],
    ],
)
def test_a_subject_of_other_parts_is_refused(subject: list[str]) -> None:
    with pytest.raises(RequestError, match="subject"):
        parse(signing_request(subject))


@pytest.mark.parametrize("alternative", ["email:a@example.com", "URI:spiffe://a", "RID:1.2.3", "dirName:name"])
def test_another_kind_of_alternative_name_is_refused(alternative: str) -> None:
    with pytest.raises(RequestError, match="alternative name"):
        parse(signing_request(NAMED, alternative))


def test_other_extensions_are_of_no_interest_for_the_signer_leaves_them_out() -> None:
    request = signing_request(NAMED, f"DNS:{NODE}", more="keyUsage = critical, digitalSignature\n")
    assert parse(request).names == (NODE,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no request",
        PLAIN + PLAIN,
        f"before\n{PLAIN}",
        f"{PLAIN}after\n",
        PLAIN.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        PLAIN.replace("-----BEGIN CERTIFICATE REQUEST-----\n", "-----BEGIN CERTIFICATE REQUEST-----\nA: b\n\n"),
    ],
)
def test_anything_but_one_request_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        parse(text)


DER = unarmoured(SERVING)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_request_with_a_changed_byte_is_read_or_refused_and_nothing_else(position: int, byte: int) -> None:
    changed = armoured(DER[:position] + bytes([byte]) + DER[position + 1 :])
    try:
        parse(changed)
    except RequestError:
        return


@given(st.integers(0, len(DER) - 1))
def test_a_request_that_ends_early_is_refused(length: int) -> None:
    with pytest.raises(RequestError):
        parse(armoured(DER[:length]))
