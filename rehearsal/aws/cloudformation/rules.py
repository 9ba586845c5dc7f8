"""A template's Rules: assertions about its parameters, checked before anything is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.errors import TemplateError, ValidationError
from rehearsal.aws.cloudformation.intrinsics import text_of
from rehearsal.aws.cloudformation.parameters import Parameter
from rehearsal.aws.cloudformation.template import Template


def check(template: Template, parameters: Mapping[str, Parameter]) -> None:
    """Raise ValidationError for every assertion that does not hold, all in one text."""
    values = {name: parameter.value for name, parameter in parameters.items()}
    failed = []
    for name, rule in template.rules.items():
        if "RuleCondition" in rule and not _holds(rule["RuleCondition"], values):
            continue
        for assertion in rule.get("Assertions") or []:
            if not _holds(assertion["Assert"], values):
                failed.append(f"Rule {name}: {assertion.get('AssertDescription', 'an assertion does not hold')}")
    if failed:
        raise ValidationError(f"Template validation error: {'; '.join(failed)}")


def _holds(value: Any, parameters: Mapping[str, str | list[str]]) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        raise TemplateError(f"Template format error: a rule's condition must be one function, not {value!r}")
    (function, arguments), *_ = value.items()
    if function == "Fn::And":
        return all(_holds(each, parameters) for each in arguments)
    if function == "Fn::Or":
        return any(_holds(each, parameters) for each in arguments)
    if function == "Fn::Not":
        return not _holds(arguments[0], parameters)
    left, right = [_value(each, parameters) for each in arguments]
    if function == "Fn::Equals":
        return text_of(left) == text_of(right)
    if function == "Fn::Contains":
        return right in left
    if function == "Fn::EachMemberEquals":
        return all(item == right for item in left)
    if function == "Fn::EachMemberIn":
        return all(item in right for item in left)
    raise TemplateError(f"Template error: rule function {function} is not supported by the local AWS")


def _value(value: Any, parameters: Mapping[str, str | list[str]]) -> Any:
    if isinstance(value, dict) and set(value) == {"Ref"}:
        if value["Ref"] not in parameters:
            raise TemplateError(f"Template error: a rule refers to {value['Ref']}, which is not a parameter")
        return parameters[value["Ref"]]
    if isinstance(value, dict):
        raise TemplateError(f"Template error: rule function {next(iter(value), '')} is not supported by the local AWS")
    return [text_of(each) for each in value] if isinstance(value, list) else text_of(value)
