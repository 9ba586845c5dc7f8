"""What is refused of issuers, and the lines that say so: YAML, then the line."""

from __future__ import annotations

import json
from typing import Any

from generator.config.problem import quoted, shown
from tests.pem import CERTIFICATE, NEGATIVE

ISSUER = {"url": "https://idp.example.com", "audiences": ["a"], "usernamePrefix": "x:", "cidrs": ["10.1.0.0/24"]}
OTHER = {"url": "https://b.example.com", "audiences": ["a"], "usernamePrefix": "y:", "cidrs": ["10.1.0.0/24"]}
URL = (
    "https:// and a DNS name of at least two labels, then an optional port and path, without user, query and fragment, "
    "512 characters at most"
)
PREFIX = "1 to 64 characters of ASCII without spaces"
CLAIM = "1 to 128 letters, digits and .:/-, with single underscores"
PEM = "certificates in PEM, one after the other, and nothing else"
RESOLVED = "a name outside of cluster.local and arpa, which nodes resolve"
PLACE = "a range from /8 to /32, where the issuer or a mirror of its documents is"


def issuers(*changes: dict[str, Any]) -> str:
    """A configuration of issuers; what a change says is None is left out."""
    given = [{**base, **change} for base, change in zip((ISSUER, OTHER), changes, strict=False)]
    kept = [{name: value for name, value in each.items() if value is not None} for each in given]
    return json.dumps({"access": {"oidc": kept}})


def _line(field: str, given: Any, allowed: str) -> str:
    said = given if isinstance(given, str) else quoted(given[0])
    return f"access.oidc{field}: given {said}; allowed: {allowed}"


def _one(field: str, change: dict[str, Any], given: Any, allowed: str) -> tuple[str, str]:
    return issuers(change), _line(f"[0].{field}", given, allowed)


def _value(name: str, value: str, allowed: str) -> tuple[str, str]:
    return _one(name, {name: value}, [value], allowed)


def _reserved(field: str, prefix: str, reserved: str) -> tuple[str, str]:
    change = {field: prefix, "groupsClaim": "groups", "groupsPrefix": "x:"} | {field: prefix}
    allowed = f'a prefix that neither begins with "{reserved}" nor is the beginning of it'
    return _one(field, change, [prefix], allowed)


def _cidr(cidr: str, allowed: str) -> tuple[str, str]:
    return _one("cidrs[0]", {"cidrs": [cidr]}, [cidr], allowed)


def _authority(text: str, given: str) -> tuple[str, str]:
    return _one("certificateAuthority", {"certificateAuthority": text}, given, PEM)


_LINES = CERTIFICATE.splitlines()
_BROKEN = "\n".join([_LINES[0], *_LINES[2:]])
_KEY = CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY")

OIDC = [
    ("access: {oidc: {}}", _line("", "{}", "a list")),
    _one("url", {"url": None}, "nothing", URL),
    *(
        _value("url", url, URL)
        for url in (
            *("http://idp.example.com", "idp.example.com", "https://idp", "https://10.1.0.1", "https://[::1]"),
            *("https://idp.example.com?a=b", "https://idp.example.com/#a", "https://me:word@idp.example.com"),
            *("https://idp.example.com/a b", "https://idp.example.com/%zz", "https://idp.example.com:", "https://"),
        )
    ),
    _value("url", "https://idp.example.com:0/", "a port from 1 to 65535"),
    _value("url", "https://idp.example.com:65536", "a port from 1 to 65535"),
    _value("url", "https://kubernetes.default.svc.cluster.local", RESOLVED),
    _value("url", "https://1.0.10.in-addr.arpa", RESOLVED),
    _value("discoveryUrl", "http://idp.example.com", URL),
    _value("discoveryUrl", "https://a.svc.cluster.local/x", RESOLVED),
    _value(
        "discoveryUrl",
        "https://idp.example.com/",
        "the URL of the discovery document, which is another one than the issuer's",
    ),
    (
        issuers({}, {"url": ISSUER["url"]}),
        _line("[1].url", [ISSUER["url"]], "a URL that access.oidc[0].url does not name"),
    ),
    (
        issuers({"discoveryUrl": "https://m.example.com"}, {"discoveryUrl": "https://m.example.com"}),
        _line("[1].discoveryUrl", ["https://m.example.com"], "a URL that access.oidc[0].discoveryUrl does not name"),
    ),
    _one("audiences", {"audiences": []}, "0 entries", "1 to 10"),
    _one("audiences[0]", {"audiences": [""]}, [""], "1 to 256 characters"),
    _one("audiences[1]", {"audiences": ["a", "a"]}, ["a"], "a name that access.oidc[0].audiences[0] does not have"),
    _authority("", "no certificate"),
    _authority("certificates\nof mine", 'text that is no certificate ("certificates")'),
    _authority(f"{CERTIFICATE}{_KEY}", 'text that is no certificate ("-----BEGIN PRIVATE KEY-----")'),
    _authority(f"{CERTIFICATE}{_BROKEN}", "a certificate that cannot be read (number 2)"),
    _authority(
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "a certificate that cannot be read (number 1)"
    ),
    _authority(
        CERTIFICATE.replace("-\nM", "- M"),
        f"text that is no certificate ({shown(f'{_LINES[0]} {_LINES[1]}')})",
    ),
    _authority(
        CERTIFICATE.rstrip().replace("\n", "\n "), 'text that is no certificate ("-----BEGIN CERTIFICATE-----")'
    ),
    _one(
        "certificateAuthority",
        {"certificateAuthority": CERTIFICATE.replace("\n", "\r\n")},
        shown(CERTIFICATE.replace("\n", "\r\n")),
        "text without control characters",
    ),
    _authority(2 * CERTIFICATE + NEGATIVE, "a certificate with a negative serial number (number 3)"),
    _value("usernameClaim", "", CLAIM),
    _value("usernameClaim", "a__dot__b", CLAIM),
    _value("groupsClaim", "a b", CLAIM),
    _one("usernamePrefix", {"usernamePrefix": None}, "nothing", PREFIX),
    _value("usernamePrefix", "", PREFIX),
    _value("usernamePrefix", "ä:", PREFIX),
    _reserved("usernamePrefix", "system:", "system:"),
    _reserved("usernamePrefix", "system:node:", "system:"),
    _reserved("usernamePrefix", "holdfast", "holdfast:"),
    _reserved("usernamePrefix", "s", "system:"),
    _reserved("groupsPrefix", "holdfast:x", "holdfast:"),
    _reserved("groupsPrefix", "system", "system:"),
    _reserved("groupsPrefix", "kubeadm:", "kubeadm:"),
    (
        issuers({}, {"usernamePrefix": "x:y:"}),
        _line(
            "[1].usernamePrefix",
            ["x:y:"],
            'a prefix that neither begins with "x:" of access.oidc[0].usernamePrefix nor is the beginning of it',
        ),
    ),
    (
        issuers({"groupsClaim": "g", "groupsPrefix": "g:"}, {"groupsClaim": "g", "groupsPrefix": "g"}),
        _line(
            "[1].groupsPrefix",
            ["g"],
            'a prefix that neither begins with "g:" of access.oidc[0].groupsPrefix nor is the beginning of it',
        ),
    ),
    _one("groupsPrefix", {"groupsClaim": "g"}, "nothing", "what groups begin with (groupsClaim is given)"),
    _one("groupsPrefix", {"groupsPrefix": "g:"}, ["g:"], "nothing (only with groupsClaim)"),
    _one("groups.admin", {"groups": {"admin": ["a"]}}, "1 entry", "none (only with groupsClaim)"),
    _one(
        "groups.root",
        {"groupsClaim": "g", "groupsPrefix": "g:", "groups": {"root": ["a"]}},
        "an unknown key",
        "view, edit, admin",
    ),
    _one(
        "groups.view[1]",
        {"groupsClaim": "g", "groupsPrefix": "g:", "groups": {"view": ["a", "a"]}},
        ["a"],
        "a name that access.oidc[0].groups.view[0] does not have",
    ),
    _one("cidrs", {"cidrs": []}, "0 entries", "1 to 5"),
    _cidr("::/0", "an IPv4 range such as 10.0.0.0/16"),
    _cidr("10.1.0.0/33", "an IPv4 range such as 10.0.0.0/16"),
    _cidr("10.1.0.1/24", "10.1.0.0/24, the same range written from its first address"),
    _cidr("0.0.0.0/0", PLACE),
    _cidr("8.0.0.0/7", PLACE),
    _cidr("169.254.169.254/32", "a range outside 169.254.0.0/16 (link-local: instance metadata, DNS and time)"),
    _cidr("100.64.9.0/24", "a range that does not overlap kubernetes.podCidr (100.64.0.0/16)"),
    _cidr("172.20.0.0/24", "a range that does not overlap kubernetes.serviceCidr (172.20.0.0/16)"),
    _one(
        "cidrs[1]",
        {"cidrs": ["10.1.0.0/24", "10.1.0.0/24"]},
        ["10.1.0.0/24"],
        "a range that access.oidc[0].cidrs[0] does not name",
    ),
]
TOO_LARGE = issuers({"certificateAuthority": 20 * CERTIFICATE})
