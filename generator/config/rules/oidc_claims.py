"""Issuers of tokens: whom a token may name, so that none makes its bearer somebody of the cluster's own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from generator.config.model import ClusterConfig
from generator.config.oidc import OidcIssuer
from generator.config.problem import Problem, quoted

_PATH = "access.oidc"
# Names of Kubernetes' own users and groups, of the cluster's, and of kubeadm's group of administrators.
_RESERVED = ("system:", "holdfast:", "kubeadm:")
_USERS, _GROUPS = "usernamePrefix", "groupsPrefix"


def _prefixes(issuer: OidcIssuer) -> dict[str, str]:
    given = {_USERS: issuer.username_prefix, _GROUPS: issuer.groups_prefix}
    return {field: prefix for field, prefix in given.items() if prefix}


def prefixes_keep_off_the_clusters_own_names(config: ClusterConfig) -> Iterator[Problem]:
    """Nor may a prefix be the beginning of a reserved one: the claim, which the issuer fills, would be the rest."""
    for index, issuer in enumerate(config.access.oidc):
        for field, prefix in _prefixes(issuer).items():
            for reserved in _RESERVED:
                if prefix.startswith(reserved) or reserved.startswith(prefix):
                    allowed = f'a prefix that neither begins with "{reserved}" nor is the beginning of it'
                    yield Problem(path=f"{_PATH}[{index}].{field}", given=json.dumps(prefix), allowed=allowed)


def prefixes_tell_issuers_apart(config: ClusterConfig) -> Iterator[Problem]:
    """Where one issuer's prefix begins another's, its users can have the names of the other's users."""
    for kind in (_USERS, _GROUPS):
        earlier: dict[str, str] = {}
        for index, issuer in enumerate(config.access.oidc):
            path, prefix = f"{_PATH}[{index}].{kind}", _prefixes(issuer).get(kind)
            if prefix is None:
                continue
            for other_path, other in earlier.items():
                if prefix.startswith(other) or other.startswith(prefix):
                    allowed = f'a prefix that neither begins with "{other}" of {other_path} nor is the beginning of it'
                    yield Problem(path=path, given=json.dumps(prefix), allowed=allowed, rests_on=(other_path,))
            earlier[path] = prefix


def groups_come_from_a_claim(config: ClusterConfig) -> Iterator[Problem]:
    for index, issuer in enumerate(config.access.oidc):
        path = f"{_PATH}[{index}]"
        claim = f"{path}.groupsClaim"
        if issuer.groups_claim is not None:
            if issuer.groups_prefix is None:
                allowed = "what groups begin with (groupsClaim is given)"
                yield Problem(path=f"{path}.{_GROUPS}", given="nothing", allowed=allowed, rests_on=(claim,))
            continue
        if issuer.groups_prefix is not None:
            given, allowed = json.dumps(issuer.groups_prefix), "nothing (only with groupsClaim)"
            yield Problem(path=f"{path}.{_GROUPS}", given=given, allowed=allowed, rests_on=(claim,))
        for name in ("view", "edit", "admin"):
            groups = getattr(issuer.groups, name)
            if groups:
                given = f"{len(groups)} {'entry' if len(groups) == 1 else 'entries'}"
                allowed = "none (only with groupsClaim)"
                yield Problem(path=f"{path}.groups.{name}", given=given, allowed=allowed, rests_on=(claim,))


def names_stand_there_once(config: ClusterConfig) -> Iterator[Problem]:
    """The API server takes no audience twice; a group that stands there twice was meant to be another."""
    for index, issuer in enumerate(config.access.oidc):
        path = f"{_PATH}[{index}]"
        lists = {"audiences": issuer.audiences}
        lists |= {f"groups.{name}": getattr(issuer.groups, name) for name in ("view", "edit", "admin")}
        for field, names in lists.items():
            for position, name in enumerate(names):
                earlier = names.index(name)
                if earlier != position:
                    first = f"{path}.{field}[{earlier}]"
                    allowed = f"a name that {first} does not have"
                    given = quoted(name)
                    yield Problem(path=f"{path}.{field}[{position}]", given=given, allowed=allowed, rests_on=(first,))


RULES = (
    prefixes_keep_off_the_clusters_own_names,
    prefixes_tell_issuers_apart,
    groups_come_from_a_claim,
    names_stand_there_once,
)
