"""Ways to break one field of an issuer, beside those of `tests.breaks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.breaks import Document, Draw
from tests.pem import CERTIFICATE

# No area that other ranges are drawn from.
_ISSUER: Document = {
    "url": "https://idp.example.com",
    "audiences": ["kubernetes"],
    "usernamePrefix": "idp:",
    "groupsClaim": "groups",
    "groupsPrefix": "idp:",
    "cidrs": ["198.51.100.0/24"],
}


def _put(key: str, values: Sequence[Any], place: str = "") -> Callable[[Draw, Document], str]:
    """A break that puts one of the values into an issuer's field; what is wrong is there or at `place` below it."""

    def put(draw: Draw, document: Document) -> str:
        document["access"] = {"oidc": [{**_ISSUER, key: draw(st.sampled_from(values))}]}
        return f"access.oidc[0].{key}{place}"

    put.__name__ = f"put_in_issuer_{key}"
    return put


def _left_out(draw: Draw, document: Document) -> str:
    key = draw(st.sampled_from(("url", "audiences", "usernamePrefix", "groupsPrefix", "cidrs")))
    document["access"] = {"oidc": [{name: value for name, value in _ISSUER.items() if name != key}]}
    return f"access.oidc[0].{key}"


def _same_twice(draw: Draw, document: Document) -> str:
    key = draw(st.sampled_from(("url", "usernamePrefix", "groupsPrefix")))
    other = {**_ISSUER, "url": "https://other.example.com", "usernamePrefix": "other:", "groupsPrefix": "other:"}
    document["access"] = {"oidc": [_ISSUER, {**other, key: _ISSUER[key]}]}
    return f"access.oidc[1].{key}"


OIDC_BREAKS: tuple[Callable[[Draw, Document], str], ...] = (
    _put(
        "url",
        ("http://a.example", "https://a", "https://a.example/?b", "https://a.example:70000", "a.example", 3, None),
    ),
    _put("discoveryUrl", ("https://idp.example.com", "https://me@a.example", True)),
    _put("audiences", ([], "kubernetes", 11 * ["a"])),
    _put("audiences", (["a", ""], ["a", "a"], ["a", 3]), "[1]"),
    _put("certificateAuthority", ("", "a", CERTIFICATE[:-40], f"{CERTIFICATE}a", 7)),
    _put("usernameClaim", ("", "a b", "a__b", "a" * 129, None)),
    _put("usernamePrefix", ("", "system:", "system", "holdfast:a", "k", "a b", None)),
    _put("groupsPrefix", ("system:masters", "kubeadm:", "h", "")),
    _put("groups", ([], "admins")),
    _put("groups", ({"admin": "a"}, {"admin": 21 * ["a"]}), ".admin"),
    _put("groups", ({"admin": ["a", "a"]}, {"admin": ["a", 5]}), ".admin[1]"),
    _put("cidrs", ([], "198.51.100.0/24", 6 * ["198.51.100.0/24"])),
    _put("cidrs", (["0.0.0.0/0"], ["198.51.100.1/24"], ["169.254.0.0/16"], ["::1/128"], [3]), "[0]"),
    _left_out,
    _same_twice,
)
