"""A template's parameters: which values they get, and whether those are allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rehearsal.aws.cloudformation.account import CHECKED_TYPES
from rehearsal.aws.cloudformation.errors import TemplateError, ValidationError
from rehearsal.aws.cloudformation.intrinsics import UNKNOWN, text_of
from rehearsal.aws.cloudformation.template import Template

SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
LIST = re.compile(r"List<(.+)>")
MAX_VALUE_BYTES = 4096
"""CloudFormation's limit for a parameter's value."""
MASK = "****"


class Lookup(Protocol):
    """What checking a value needs to ask the account for."""

    def ssm_parameter(self, reference: str) -> str:
        """The value of an SSM parameter."""
        ...

    def missing(self, type_name: str, values: Iterable[str]) -> list[str]:
        """Those of the values that do not exist."""
        ...


@dataclass(frozen=True)
class Parameter:
    """A parameter with its value: `given` is what the caller said, `value` what the template sees."""

    name: str
    given: str
    value: str | list[str]
    no_echo: bool = False
    from_ssm: bool = False

    def described(self) -> dict[str, str]:
        """The parameter as DescribeStacks shows it."""
        shown = {"ParameterKey": self.name, "ParameterValue": MASK if self.no_echo else self.given}
        if self.from_ssm:
            shown["ResolvedValue"] = MASK if self.no_echo else text_list(self.value)
        return shown


def text_list(value: str | list[str]) -> str:
    """A parameter's value as one text."""
    return value if isinstance(value, str) else ",".join(value)


def given_values(
    template: Template, request: Iterable[Mapping[str, Any]], previous: Mapping[str, Parameter] | None
) -> dict[str, str]:
    """The text for every parameter of the template: given, previous, or default.

    `previous` is None for a new stack. Raises ValidationError for unknown, missing and doubly given parameters.
    """
    values: dict[str, str] = {}
    for item in request:
        name = item["ParameterKey"]
        if name in values:
            raise ValidationError(f"Duplicate input parameter key: {name}")
        if item.get("UsePreviousValue"):
            if item.get("ParameterValue"):
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non empty "
                    "value for a parameter"
                )
            if previous is None or name not in previous:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter "
                    "key not in the previous template"
                )
            if name in template.parameters:
                values[name] = previous[name].given
        else:
            values[name] = text_of(item.get("ParameterValue", ""))
    unknown = [name for name in values if name not in template.parameters]
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for name, declaration in template.parameters.items():
        if name not in values and "Default" in declaration:
            values[name] = text_of(declaration["Default"])
    without = [name for name in template.parameters if name not in values]
    if without:
        raise ValidationError(f"Parameters: [{', '.join(without)}] must have values")
    return values


def resolve(template: Template, values: Mapping[str, str], lookup: Lookup) -> dict[str, Parameter]:
    """The parameters with final values, checked against their declarations and the account."""
    return {name: _resolved(name, template.parameters[name], values[name], lookup) for name in template.parameters}


def _resolved(name: str, declaration: Mapping[str, Any], given: str, lookup: Lookup) -> Parameter:
    type_name = str(declaration["Type"])
    no_echo = str(declaration.get("NoEcho", False)).lower() == "true"
    if UNKNOWN in given:
        return Parameter(name, given, given.split(",") if _is_list(type_name) else given, no_echo)
    if len(given.encode()) > MAX_VALUE_BYTES:
        raise ValidationError(f"Parameter '{name}' exceeds the maximum length of {MAX_VALUE_BYTES} bytes")
    match = SSM_VALUE.fullmatch(type_name)
    text = given
    if match:
        text, type_name = lookup.ssm_parameter(given), match[1]
    # Constraints of an SSM-typed parameter are on the SSM parameter's name, not on its value.
    _check_constraints(name, declaration, given)
    if _is_list(type_name):
        items = [item.strip() for item in text.split(",")]
        _check_type(name, _member(type_name), items, lookup)
        return Parameter(name, given, items, no_echo, bool(match))
    _check_type(name, type_name, [text], lookup)
    return Parameter(name, given, text, no_echo, bool(match))


def _is_list(type_name: str) -> bool:
    return type_name == "CommaDelimitedList" or bool(LIST.fullmatch(type_name))


def _member(type_name: str) -> str:
    match = LIST.fullmatch(type_name)
    return match[1] if match else "String"


def _check_type(name: str, type_name: str, values: list[str], lookup: Lookup) -> None:
    if type_name == "String":
        return
    if type_name == "Number":
        for value in values:
            _number(value, name)
    elif type_name in CHECKED_TYPES:
        missing = lookup.missing(type_name, values)
        if missing:
            raise ValidationError(
                f"Parameter validation failed: parameter value {missing[0]} for parameter name {name} does not exist"
            )
    else:
        raise TemplateError(f"Template format error: Unrecognized parameter type: {type_name}")


def _number(value: str, name: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValidationError(f"Parameter '{name}' must be a number.") from None


def _check_constraints(name: str, declaration: Mapping[str, Any], given: str) -> None:
    broken = _broken_constraint(name, declaration, given)
    if broken:
        description = declaration.get("ConstraintDescription")
        raise ValidationError(
            f"Parameter '{name}' failed to satisfy constraint: {description}"
            if description
            else f"Parameter '{name}' {broken}"
        )


def _broken_constraint(name: str, declaration: Mapping[str, Any], given: str) -> str | None:
    listed = _is_list(str(declaration["Type"]))
    items = [item.strip() for item in given.split(",")] if listed else [given]
    allowed = declaration.get("AllowedValues")
    if allowed is not None and any(item not in [text_of(each) for each in allowed] for item in items):
        return "must be one of AllowedValues"
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and any(not re.fullmatch(pattern, item) for item in items):
        return f"must match pattern {pattern}"
    if "MinLength" in declaration and len(given) < int(declaration["MinLength"]):
        return f"must contain at least {declaration['MinLength']} characters"
    if "MaxLength" in declaration and len(given) > int(declaration["MaxLength"]):
        return f"must contain at most {declaration['MaxLength']} characters"
    for key, word in (("MinValue", "less"), ("MaxValue", "greater")):
        if key in declaration:
            limit, number = float(declaration[key]), _number(given, name)
            if number < limit if key == "MinValue" else number > limit:
                return f"must be a number not {word} than {declaration[key]}"
    return None
