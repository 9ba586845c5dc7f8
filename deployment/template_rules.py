"""A template's Rules, as far as they can be evaluated before CloudFormation does.

Functions as in the CloudFormation template reference, "Rule functions"; what asks AWS (Fn::ValueOf and its like) is
nothing that can be known here, and is left to CloudFormation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployment.problem import entries

_LISTS = ("CommaDelimitedList", "List<")


@dataclass(frozen=True)
class BrokenRule:
    """An assertion that the values break: its rule, what the template says of it, and the parameters that it reads."""

    name: str
    description: str
    parameters: frozenset[str]


class _NotKnown(Exception):
    """The value of an expression cannot be known here."""


def broken(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[BrokenRule]:
    """Every assertion that the values break."""
    declared = template.get("Parameters", {})
    for name, rule in template.get("Rules", {}).items():
        try:
            if "RuleCondition" in rule and not _evaluated(rule["RuleCondition"], declared, values):
                continue
        except _NotKnown:
            continue
        for assertion in rule["Assertions"]:
            try:
                if not _evaluated(assertion["Assert"], declared, values):
                    read = frozenset(_references(assertion["Assert"]))
                    yield BrokenRule(name, str(assertion.get("AssertDescription", "is broken")), read)
            except _NotKnown:
                continue


def _evaluated(expression: Any, declared: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    """A text, a list of texts or a truth. Raises _NotKnown."""

    def value(part: Any) -> Any:
        return _evaluated(part, declared, values)

    if isinstance(expression, list):
        return [value(part) for part in expression]
    if not isinstance(expression, dict):
        return expression if isinstance(expression, bool) else str(expression)
    ((function, argument),) = expression.items()
    match function:
        case "Ref":
            return _value_of(argument, declared, values)
        case "Fn::Equals":
            return value(argument[0]) == value(argument[1])
        case "Fn::Not":
            return not value(argument[0])
        case "Fn::And":
            return all(value(part) for part in argument)
        case "Fn::Or":
            return any(value(part) for part in argument)
        case "Fn::Contains":
            return value(argument[1]) in value(argument[0])
        case "Fn::EachMemberEquals":
            return all(member == value(argument[1]) for member in value(argument[0]))
        case "Fn::EachMemberIn":
            return set(value(argument[0])) <= set(value(argument[1]))
    raise _NotKnown(function)


def _value_of(name: str, declared: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    if name not in declared or name not in values:
        raise _NotKnown(name)  # AWS::Region and its like
    kind = str(declared[name].get("Type", "String"))
    return entries(values[name]) if kind.startswith(_LISTS) else values[name]


def _references(expression: Any) -> Iterator[str]:
    """The names that an expression refers to."""
    if isinstance(expression, list):
        for part in expression:
            yield from _references(part)
    elif isinstance(expression, dict):
        for function, argument in expression.items():
            yield from [str(argument)] if function == "Ref" else _references(argument)
