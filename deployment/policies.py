"""Whether a policy document allows more than another one. Pure, and careful: what it cannot compare counts as more.

Everything that a statement says is taken apart into grants: a principal, an action, a resource, and the conditions.
A grant is covered where a grant of the other document has patterns that match its patterns, and no further condition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from deployment.told import told

Document = Mapping[str, Any]

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""What a change set shows in place of a value that only the update makes."""

_Conditions = frozenset[tuple[str, str, frozenset[str]]]
_Gone = frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class _Grant:
    """One combination of a statement. A text with `!` in front stands for everything but what follows it."""

    principal: str
    action: str
    resource: str
    conditions: _Conditions

    @property
    def parts(self) -> tuple[str, str, str]:
        """Without its conditions."""
        return self.principal, self.action, self.resource


@dataclass(frozen=True)
class _Statements:
    """A document, taken apart."""

    allowed: frozenset[_Grant]
    denied: frozenset[_Grant]


def widenings(before: Iterable[Document], after: Iterable[Document]) -> list[str]:
    """What the documents after allow that those before did not, in a few lines; empty for the same or less.

    More is a new principal, action or resource, a condition that is dropped or accepts more, and a Deny that goes.
    """
    old, new = _taken_apart(before), _taken_apart(after)
    gone = _parts(old.allowed) - _parts(new.allowed)
    lines = list(_lines("allows", _uncovered(new.allowed, old.allowed, gone), old.allowed, gone))
    gone = _parts(old.denied) - _parts(new.denied)
    return lines + list(_lines("no longer denies", _uncovered(old.denied, new.denied, gone), new.denied, gone))


def _parts(grants: Iterable[_Grant]) -> _Gone:
    return frozenset(grant.parts for grant in grants)


def _uncovered(wanted: Iterable[_Grant], given: Iterable[_Grant], gone: _Gone) -> list[_Grant]:
    """The grants that no other one covers.

    A resource that is not known yet stands for one that is `gone`: beside what stays it is a further one, and may be
    anything.
    """
    having = list(given)
    return [grant for grant in wanted if not any(_covers(other, grant, gone) for other in having)]


def _covers(wide: _Grant, narrow: _Grant, gone: _Gone) -> bool:
    return _covers_apart_from_conditions(wide, narrow, gone) and all(
        any(_implies(mine, theirs) for mine in narrow.conditions) for theirs in wide.conditions
    )


def _covers_apart_from_conditions(wide: _Grant, narrow: _Grant, gone: _Gone) -> bool:
    return (
        _matches(wide.principal, narrow.principal)
        and _matches(wide.action, narrow.action)
        and (
            _matches(wide.resource, narrow.resource)
            or (wide.parts in gone and _stands_for(narrow.resource, wide.resource))
            or (narrow.parts in gone and _stands_for(wide.resource, narrow.resource))
        )
    )


def _implies(mine: tuple[str, str, frozenset[str]], theirs: tuple[str, str, frozenset[str]]) -> bool:
    """Whether what fulfils the one condition always fulfils the other one."""
    operator, key, values = mine
    if (operator, key) != theirs[:2]:
        return False
    known = frozenset(value for value in values if UNKNOWN not in value)
    unknown = values - known
    if not all(any(_stands_for(each, other) for other in theirs[2]) for each in unknown):
        return False
    # Of values that must not be met, more is narrower; of all others fewer.
    return theirs[2] <= values if _negated(operator) else known <= theirs[2]


def _negated(operator: str) -> bool:
    return operator.rpartition(":")[2].startswith(("StringNot", "ArnNot", "NumericNot", "DateNot", "NotIp"))


@lru_cache(maxsize=4096)
def _matches(wide: str, narrow: str) -> bool:
    """Whether everything that matches the narrow pattern matches the wide one."""
    if wide == narrow or wide == "*":
        return True
    if narrow.startswith("!"):
        # Everything but A is within everything but B where B is a part of A.
        return wide.startswith("!") and set(_excluded(wide)) <= set(_excluded(narrow))
    if wide.startswith("!"):
        literal = "*" not in narrow and "?" not in narrow and UNKNOWN not in narrow
        return literal and not any(_matches(each, narrow) for each in _excluded(wide))
    parts = (".*" if part == "*" else "[^*]" if part == "?" else re.escape(part) for part in re.split(r"([*?])", wide))
    return re.fullmatch("".join(parts), narrow, re.DOTALL) is not None


def _excluded(text: str) -> list[str]:
    excluded: list[str] = json.loads(text[1:])
    return excluded


def _stands_for(unknown: str, known: str) -> bool:
    """Whether a value with a part that is not known yet may be the known one, in whose place it stands."""
    return UNKNOWN in unknown and _matches(unknown.replace(UNKNOWN, "*"), known)


def _taken_apart(documents: Iterable[Document]) -> _Statements:
    grants: dict[str, set[_Grant]] = {"Allow": set(), "Deny": set()}
    for document in documents:
        for statement in _list(document.get("Statement")):
            # An effect that nobody knows is none that narrows.
            grants.get(str(statement.get("Effect")), grants["Allow"]).update(_grants(statement))
    return _Statements(frozenset(grants["Allow"]), frozenset(grants["Deny"]))


def _grants(statement: Mapping[str, Any]) -> Iterator[_Grant]:
    conditions = frozenset(
        (operator, key.lower(), frozenset(map(str, _list(value))))
        for operator, tests in (statement.get("Condition") or {}).items()
        for key, value in tests.items()
    )
    dimensions = (
        _either(statement, "Principal", _principals),
        _either(statement, "Action", lambda value: [str(each).lower() for each in _list(value)]),
        _either(statement, "Resource", lambda value: [str(each) for each in _list(value)]),
    )
    for principal, action, resource in product(*dimensions):
        yield _Grant(principal, action, resource, conditions)


def _either(statement: Mapping[str, Any], name: str, texts: Any) -> list[str]:
    if f"Not{name}" in statement:
        return [f"!{json.dumps(sorted(texts(statement[f'Not{name}'])))}"]
    # A policy of a role names no principal, one of trust no resource.
    return sorted(set(texts(statement[name]))) if name in statement else [""]


def _principals(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [str(each) for each in _list(value)]
    named = [(kind, str(each)) for kind, texts in value.items() for each in _list(texts)]
    return ["*" if (kind, each) == ("AWS", "*") else f"{kind} {each}" for kind, each in named]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _lines(verb: str, grants: list[_Grant], others: Iterable[_Grant], gone: _Gone) -> Iterator[str]:
    """One line for each set of conditions; whether there is such a grant under other conditions is told."""
    having = list(others)
    groups: dict[tuple[_Conditions, bool], list[_Grant]] = {}
    for grant in sorted(grants, key=lambda each: (each.principal, each.action, each.resource, str(each.conditions))):
        only_conditions = any(_covers_apart_from_conditions(other, grant, gone) for other in having)
        groups.setdefault((grant.conditions, only_conditions), []).append(grant)
    for (_, only_conditions), group in groups.items():
        line = f"{verb} {told(each.action for each in group)}"
        line += f" on {told(each.resource for each in group)}" if group[0].resource else ""
        line += f" to {told(each.principal for each in group)}" if group[0].principal else ""
        yield line + (" under other conditions" if only_conditions else "")
