"""What API servers are told of an issuer; what they make of it is tested with a real one (tests/integration/node)."""

from __future__ import annotations

from dataclasses import replace

from coordination.names import AccessGroup
from tests.unit.userdata.kubeadm import examples
from userdata.kubeadm.api_server import authentication
from userdata.kubeadm.oidc import authenticator

ISSUER = replace(
    examples.ISSUER,
    url="https://idp.example.com/realms/ops",
    username_prefix="ops:",
    groups_prefix="ops:",
    groups={AccessGroup.ADMIN: ('the "best"', "b\\c"), AccessGroup.VIEW: ()},
)
_FREE = " && ".join(f'!{{0}}.startsWith("{name}:")' for name in ("system", "holdfast", "kubeadm"))


def test_an_issuer_becomes_an_authenticator() -> None:
    assert authenticator(ISSUER) == {
        "issuer": {
            "url": "https://idp.example.com/realms/ops",
            "audiences": ["kubernetes"],
            "audienceMatchPolicy": "MatchAny",
        },
        "claimMappings": {
            "username": {"claim": "sub", "prefix": "ops:"},
            "groups": {
                "expression": '[dyn(claims[?"groups"].orValue([]))]'
                ".map(claim, type(claim) == list ? claim : claim == null ? [] : [claim])"
                '.map(groups, groups.map(group, "ops:" + group) + '
                '(groups.exists(group, group in ["the \\"best\\"", "b\\\\c"]) ? ["holdfast:admin"] : []))[0]'
            },
        },
        "userValidationRules": [
            {"expression": 'user.username != "ops:"', "message": "the user has no name"},
            {"expression": _FREE.format("user.username"), "message": "the user's name is reserved"},
            {
                "expression": f'user.groups.all(group, group in ["holdfast:admin"] || ({_FREE.format("group")}))',
                "message": "a group's name is reserved",
            },
        ],
    }


def test_an_issuer_without_groups_gives_none_and_may_have_none() -> None:
    found = authenticator(replace(ISSUER, groups_claim="", groups_prefix="", groups={}))
    assert found["claimMappings"] == {"username": {"claim": "sub", "prefix": "ops:"}}
    rules = found["userValidationRules"]
    assert isinstance(rules, list)
    assert rules[2]["expression"] == f"user.groups.all(group, {_FREE.format('group')})"


def test_without_issuers_nothing_is_said_of_tokens() -> None:
    assert authentication(()).keys() == {"apiVersion", "kind", "anonymous"}
    assert len(str(authentication((ISSUER, ISSUER))["jwt"]).split("'issuer': ")) == 3
