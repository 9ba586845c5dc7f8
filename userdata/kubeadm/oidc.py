"""How API servers take the tokens of an issuer: an authenticator of AuthenticationConfiguration.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coordination.names import AccessGroup
from userdata.kubeadm.documents import Document

_RESERVED = ("system:", "holdfast:", "kubeadm:")
"""Names of Kubernetes' own users and groups, of the cluster's, and of kubeadm's group of administrators."""


@dataclass(frozen=True)
class OidcIssuer:
    """An issuer whose tokens are taken."""

    url: str
    """Exactly what its tokens have as `iss`."""
    discovery_url: str
    """Empty where the discovery document is at the usual place below `url`."""
    audiences: tuple[str, ...]
    certificate_authority: str
    """In PEM; empty for the image's own authorities."""
    username_claim: str
    username_prefix: str
    groups_claim: str
    """Empty where tokens give no groups; then there is no prefix either."""
    groups_prefix: str
    groups: Mapping[AccessGroup, tuple[str, ...]]
    """Of the cluster's default groups, the issuer's groups that are members, without a prefix."""


def authenticator(issuer: OidcIssuer) -> Document:
    """The issuer's entry in AuthenticationConfiguration.

    Every name out of a token is prefixed, and the generator takes no prefix with which it could become a reserved one.
    The rules for users say the same once more: only a mapping gives a group of the cluster.
    """
    groups = {"groups": {"expression": _groups(issuer)}} if issuer.groups_claim else {}
    return {
        "issuer": _connection(issuer),
        "claimMappings": {
            "username": {"claim": issuer.username_claim, "prefix": issuer.username_prefix},
            **groups,
        },
        "userValidationRules": [
            {"expression": f"user.username != {_literal(issuer.username_prefix)}", "message": "the user has no name"},
            {"expression": _is_free("user.username"), "message": "the user's name is reserved"},
            {"expression": _groups_are_free(issuer), "message": "a group's name is reserved"},
        ],
    }


def _connection(issuer: OidcIssuer) -> Document:
    optional = {"discoveryURL": issuer.discovery_url, "certificateAuthority": issuer.certificate_authority}
    return {
        "url": issuer.url,
        **{name: value for name, value in optional.items() if value},
        "audiences": list(issuer.audiences),
        "audienceMatchPolicy": "MatchAny",
    }


def _groups(issuer: OidcIssuer) -> str:
    """CEL: the token's groups with their prefix, and the cluster's groups that they are members of.

    CEL has no variables, so the claim is looked at within a list of one. It may be missing, a text, or a list; any
    other kind fails, and the token with it. An expression also keeps API servers from asking the addresses of
    distributed claims, which they do for a plain claim (`_claim_sources`, OpenID Connect Core 5.6.2).
    """
    claim = f"dyn(claims[?{_literal(issuer.groups_claim)}].orValue([]))"
    listed = f"[{claim}].map(claim, type(claim) == list ? claim : claim == null ? [] : [claim])"
    named = [f"groups.map(group, {_literal(issuer.groups_prefix)} + group)"]
    named += [
        f"(groups.exists(group, group in {_list(members)}) ? {_list([own.kubernetes_group])} : [])"
        for own, members in _mapped(issuer).items()
    ]
    return f"{listed}.map(groups, {' + '.join(named)})[0]"


def _groups_are_free(issuer: OidcIssuer) -> str:
    free = _is_free("group")
    own = [group.kubernetes_group for group in _mapped(issuer)]
    given = f"group in {_list(own)} || ({free})" if own else free
    return f"user.groups.all(group, {given})"


def _mapped(issuer: OidcIssuer) -> dict[AccessGroup, tuple[str, ...]]:
    return {group: issuer.groups[group] for group in AccessGroup if issuer.groups.get(group)}


def _is_free(name: str) -> str:
    return " && ".join(f"!{name}.startsWith({_literal(reserved)})" for reserved in _RESERVED)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(_literal(text) for text in texts)}]"


def _literal(text: str) -> str:
    """A text in CEL, whose escapes include those of JSON, but no surrogates: so all but ASCII stands as it is."""
    return json.dumps(text, ensure_ascii=False)
