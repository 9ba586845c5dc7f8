"""Policy documents as statements, and which of them speak about a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rehearsal.aws.iam import conditions, patterns
from rehearsal.aws.iam.conditions import Condition, ConditionError
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.patterns import PatternError

WITH_VARIABLES = "2012-10-17"
"""The version of the policy language in which variables are replaced."""
VERSIONS = ("2008-10-17", WITH_VARIABLES)
STATEMENT_PARTS = frozenset("Sid Effect Action NotAction Resource NotResource Principal NotPrincipal Condition".split())
PRINCIPAL_KINDS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


class PolicyError(ValueError):
    """A policy that AWS would not take, or that the evaluator does not understand."""


@dataclass(frozen=True)
class Choice:
    """Patterns of which one has to match, or, when `inverted`, none may: Action and NotAction, and the like."""

    patterns: tuple[str, ...]
    inverted: bool = False


@dataclass(frozen=True)
class Principals:
    """Whom a statement of a resource's policy is about: kind -> names; `*` for everyone."""

    names: Mapping[str, tuple[str, ...]]
    inverted: bool = False


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    allows: bool
    actions: Choice
    resources: Choice | None = None
    principals: Principals | None = None
    conditions: tuple[Condition, ...] = ()
    sid: str = ""
    variables: bool = True

    def is_about(self, action: str, resource: str, context: Context) -> bool:
        """Whether the statement speaks about this action on this resource, under its conditions. Raises UnknownKey.

        Whom it is about is not looked at.
        """
        return (
            self._names(action)
            and self._covers(resource, context)
            and all(condition.holds(context) for condition in self.conditions)
        )

    def _names(self, action: str) -> bool:
        found = any(patterns.matches(patterns.literal(each.lower()), action.lower()) for each in self.actions.patterns)
        return found is not self.actions.inverted

    def _covers(self, resource: str, context: Context) -> bool:
        if self.resources is None:
            return True
        found = any(self._fits(each, resource, context) for each in self.resources.patterns)
        return found is not self.resources.inverted

    def _fits(self, pattern: str, resource: str, context: Context) -> bool:
        if pattern == "*":
            return True
        resolved = patterns.resolve(pattern, context.variables) if self.variables else patterns.literal(pattern)
        return resolved is not None and patterns.arn_matches(resolved, resource)


@dataclass(frozen=True)
class Policy:
    """A policy document that was read."""

    name: str
    statements: tuple[Statement, ...] = field(default=())


@lru_cache(maxsize=1024)
def read(text: str, name: str = "") -> Policy:
    """A policy from its JSON text; the same text is read once. Raises PolicyError that names the policy."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PolicyError(f"policy {name}: not JSON: {error}") from error
    return parse(document, name)


def parse(document: Any, name: str = "") -> Policy:
    """A policy from its document. Raises PolicyError that names the policy, the statement and the fault."""
    if not isinstance(document, Mapping):
        raise PolicyError(f"policy {name}: not an object")
    version = document.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        raise PolicyError(f"policy {name}: Version is {version!r}; allowed: {', '.join(VERSIONS)}")
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    parsed = []
    for number, statement in enumerate(statements, start=1):
        try:
            parsed.append(_statement(statement, variables=version == WITH_VARIABLES))
        except (PolicyError, ConditionError, PatternError) as error:
            raise PolicyError(f"policy {name}, statement {number}: {error}") from error
    return Policy(name, tuple(parsed))


def _statement(given: Any, *, variables: bool) -> Statement:
    if not isinstance(given, Mapping):
        raise PolicyError("not an object")
    unknown = sorted(set(given) - STATEMENT_PARTS)
    if unknown:
        raise PolicyError(f"unknown element {', '.join(unknown)}")
    effect = given.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"Effect is {effect!r}; allowed: Allow, Deny")
    actions = _choice(given, "Action")
    if actions is None:
        raise PolicyError("neither Action nor NotAction")
    resources = _choice(given, "Resource")
    for pattern in resources.patterns if resources is not None and variables else ():
        patterns.check(pattern)
    return Statement(
        allows=effect == "Allow",
        actions=actions,
        resources=resources,
        principals=_principals(given),
        conditions=conditions.parse(given.get("Condition") or {}, variables=variables),
        sid=given.get("Sid", ""),
        variables=variables,
    )


def _choice(given: Mapping[str, Any], element: str) -> Choice | None:
    """`Action` or `NotAction`, and the like; None when there is neither."""
    _only_one(given, element)
    for name, inverted in ((element, False), (f"Not{element}", True)):
        if name in given:
            listed = given[name] if isinstance(given[name], list) else [given[name]]
            if not all(isinstance(each, str) for each in listed):
                raise PolicyError(f"{name} holds something that is no text")
            return Choice(tuple(listed), inverted)
    return None


def _principals(given: Mapping[str, Any]) -> Principals | None:
    _only_one(given, "Principal")
    for name, inverted in (("Principal", False), ("NotPrincipal", True)):
        if name in given:
            value = {"AWS": "*"} if given[name] == "*" else given[name]
            if not isinstance(value, Mapping) or set(value) - PRINCIPAL_KINDS:
                raise PolicyError(f"{name} is {value!r}; allowed: *, {', '.join(sorted(PRINCIPAL_KINDS))}")
            return Principals(
                {kind: tuple(names if isinstance(names, list) else [names]) for kind, names in value.items()}, inverted
            )
    return None


def _only_one(given: Mapping[str, Any], element: str) -> None:
    if element in given and f"Not{element}" in given:
        raise PolicyError(f"both {element} and Not{element}")
