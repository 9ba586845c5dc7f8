"""Reads an audit policy as the API server does: the first rule that fits a request decides.

See https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ (PolicyRule, GroupResources).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KNOWN = {"level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs"}


@dataclass(frozen=True)
class Request:
    """One request; `resource` as `pods/exec`, empty for a path that is no resource."""

    user: str
    groups: tuple[str, ...]
    verb: str
    resource: str = ""
    api_group: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def level(policy: Mapping[str, Any], request: Request) -> str:
    """The level at which a request is written down."""
    for rule in policy["rules"]:
        assert rule.keys() <= _KNOWN, f"this reader does not know {rule.keys() - _KNOWN}"
        if _fits(rule, request):
            return str(rule["level"])
    return "None"


def _fits(rule: Mapping[str, Any], request: Request) -> bool:
    if "users" in rule and request.user not in rule["users"]:
        return False
    if "userGroups" in rule and not set(rule["userGroups"]) & set(request.groups):
        return False
    if "verbs" in rule and request.verb not in rule["verbs"]:
        return False
    if request.resource:
        if "nonResourceURLs" in rule or ("namespaces" in rule and request.namespace not in rule["namespaces"]):
            return False
        return "resources" not in rule or any(_is_of(each, request) for each in rule["resources"])
    if "resources" in rule or "namespaces" in rule:
        return False
    return "nonResourceURLs" not in rule or any(_is_below(each, request.path) for each in rule["nonResourceURLs"])


def _is_of(named: Mapping[str, Any], request: Request) -> bool:
    assert named.keys() <= {"group", "resources", "resourceNames"}
    assert not any("*" in each for each in named.get("resources", ())), "this reader knows no patterns of resources"
    return (
        named["group"] == request.api_group
        and request.resource in named.get("resources", [request.resource])
        and request.name in named.get("resourceNames", [request.name])
    )


def _is_below(pattern: str, path: str) -> bool:
    return path.startswith(pattern.removesuffix("*")) if pattern.endswith("*") else path == pattern
