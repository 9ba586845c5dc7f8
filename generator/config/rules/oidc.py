"""Issuers of tokens: where they are, what vouches for them, and that nodes can be told of them."""

from __future__ import annotations

import base64
import binascii
import json
import re
import ssl
from collections.abc import Iterator
from ipaddress import IPv4Network

from generator.config.model import ClusterConfig
from generator.config.oidc import LARGEST_TEXT, OidcIssuer
from generator.config.problem import Problem, shown
from generator.config.rules.addresses import PODS, RESERVED, SERVICES

_PATH = "access.oidc"
_LAST_PORT = 65535
# Names that the cluster's own DNS answers, which no node asks, and names of addresses, which no certificate has.
_UNRESOLVED = (".cluster.local", ".arpa")
# Anything larger is no place where an issuer is.
_SHORTEST_PREFIX = 8
# As Go reads it, which passes over a block whose first and last line do not stand by themselves.
_BLOCK = re.compile(r"^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\s]+?)\n-----END CERTIFICATE-----$", re.MULTILINE)


def _issuers(config: ClusterConfig) -> Iterator[tuple[str, OidcIssuer]]:
    return ((f"{_PATH}[{index}]", issuer) for index, issuer in enumerate(config.access.oidc))


def _urls(path: str, issuer: OidcIssuer) -> dict[str, str]:
    given = {f"{path}.url": issuer.url, f"{path}.discoveryUrl": issuer.discovery_url}
    return {field: url for field, url in given.items() if url}


def urls_can_be_asked(config: ClusterConfig) -> Iterator[Problem]:
    for path, issuer in _issuers(config):
        for field, url in _urls(path, issuer).items():
            host, _, port = url.removeprefix("https://").partition("/")[0].partition(":")
            if port and not 0 < int(port) <= _LAST_PORT:
                yield Problem(path=field, given=json.dumps(url), allowed=f"a port from 1 to {_LAST_PORT}")
            # One of them is the name of service accounts' issuer, beside which the API server takes no second one.
            if host.lower().endswith(_UNRESOLVED):
                allowed = "a name outside of cluster.local and arpa, which nodes resolve"
                yield Problem(path=field, given=json.dumps(url), allowed=allowed)


def each_issuer_stands_there_once(config: ClusterConfig) -> Iterator[Problem]:
    """The API server takes no URL twice, and no discovery document that is the issuer itself."""
    first: dict[tuple[str, str], str] = {}
    for path, issuer in _issuers(config):
        for field, url in _urls(path, issuer).items():
            earlier = first.setdefault((field.rpartition(".")[2], url), field)
            if earlier != field:
                allowed = f"a URL that {earlier} does not name"
                yield Problem(path=field, given=json.dumps(url), allowed=allowed, rests_on=(earlier,))
        if issuer.discovery_url and issuer.discovery_url.rstrip("/") == issuer.url.rstrip("/"):
            allowed = "the URL of the discovery document, which is another one than the issuer's"
            field = f"{path}.discoveryUrl"
            yield Problem(
                path=field, given=json.dumps(issuer.discovery_url), allowed=allowed, rests_on=(f"{path}.url",)
            )


def authorities_are_certificates(config: ClusterConfig) -> Iterator[Problem]:
    """An API server does not start with a bundle that it cannot read, and a key would be there for every reader."""
    for path, issuer in _issuers(config):
        if issuer.certificate_authority is not None:
            wrong = _wrong_pem(issuer.certificate_authority)
            if wrong:
                allowed = "certificates in PEM, one after the other, and nothing else"
                yield Problem(path=f"{path}.certificateAuthority", given=wrong, allowed=allowed)


def _wrong_pem(text: str) -> str:
    blocks = _BLOCK.findall(text)
    rest = _BLOCK.sub("", text).strip()
    if rest:
        return f"text that is no certificate ({shown(rest.splitlines()[0])})"
    if not blocks:
        return "no certificate"
    for number, block in enumerate(blocks, 1):
        try:
            der = base64.b64decode("".join(block.split()), validate=True)
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
            if _serial_is_negative(der):
                return f"a certificate with a negative serial number (number {number})"
        except (binascii.Error, ssl.SSLError, ValueError):
            return f"a certificate that cannot be read (number {number})"
    return ""


def _serial_is_negative(der: bytes) -> bool:
    """Whether a certificate has such a serial number: OpenSSL reads it, and API servers do not (Go's crypto/x509, from
    Go 1.23 on)."""
    body = _content(_content(der))
    version = 0xA0
    if body[0] == version:
        body = body[_end(body) :]
    return _content(body)[0] >= 0x80


def _content(der: bytes) -> bytes:
    """What the first element of DER holds."""
    return der[_head(der) : _end(der)]


def _head(der: bytes) -> int:
    return 2 + (der[1] & 0x7F if der[1] >= 0x80 else 0)


def _end(der: bytes) -> int:
    head = _head(der)
    return head + (der[1] if der[1] < 0x80 else int.from_bytes(der[2:head]))


def ranges_are_places_of_issuers(config: ClusterConfig) -> Iterator[Problem]:
    """EC2 takes no rule twice, and what is sent into the cluster's own ranges never leaves a node as it is."""
    taken = {PODS: config.kubernetes.pod_cidr, SERVICES: config.kubernetes.service_cidr}
    for path, issuer in _issuers(config):
        for index, text in enumerate(issuer.cidrs):
            field = f"{path}.cidrs[{index}]"
            for allowed, rests_on in _wrong_range(text, taken):
                yield Problem(path=field, given=json.dumps(text), allowed=allowed, rests_on=rests_on)
            earlier = issuer.cidrs.index(text)
            if earlier != index:
                allowed = f"a range that {path}.cidrs[{earlier}] does not name"
                yield Problem(path=field, given=json.dumps(text), allowed=allowed)


def _wrong_range(text: str, taken: dict[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    given = _range(text)
    if given is None:
        loose = _range(text, strict=False)
        yield (
            f"{loose}, the same range written from its first address" if loose else "an IPv4 range such as 10.0.0.0/16",
            (),
        )
        return
    if given.prefixlen < _SHORTEST_PREFIX:
        yield f"a range from /{_SHORTEST_PREFIX} to /32, where the issuer or a mirror of its documents is", ()
        return
    for reserved, meaning in RESERVED.items():
        if given.overlaps(IPv4Network(reserved)):
            yield f"a range outside {reserved} ({meaning})", ()
    for field, own in taken.items():
        other = _range(own)
        if other and given.overlaps(other):
            yield f"a range that does not overlap {field} ({own})", (field,)


def _range(text: str, *, strict: bool = True) -> IPv4Network | None:
    try:
        return IPv4Network(text, strict=strict)
    except ValueError:
        return None


def an_issuer_fits_a_parameter(config: ClusterConfig) -> Iterator[Problem]:
    for path, issuer in _issuers(config):
        size = len(issuer.text)
        if size > LARGEST_TEXT:
            yield Problem(
                path=path,
                given=f"{size} bytes as JSON",
                allowed=f"{LARGEST_TEXT} at most, which SSM takes (a bundle of certificates is most of it as a rule)",
                rests_on=(path,),
            )


RULES = (
    urls_can_be_asked,
    each_issuer_stands_there_once,
    authorities_are_certificates,
    ranges_are_places_of_issuers,
    an_issuer_fits_a_parameter,
)
