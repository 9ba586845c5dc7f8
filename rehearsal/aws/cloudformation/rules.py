"""A template's Rules: assertions about its parameters, checked before anything is made.

The functions are those of CloudFormation's template reference, "Rule functions". Fn::RefAll and Fn::ValueOfAll are left
out: that page says of them both that they are about the template's parameters of a type and about everything of that
type in the account and region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from rehearsal.aws.cloudformation.errors import TemplateError, ValidationError
from rehearsal.aws.cloudformation.intrinsics import text_of
from rehearsal.aws.cloudformation.parameters import LIST, Parameter
from rehearsal.aws.cloudformation.template import Template


class Attributes(Protocol):
    """What rules need to ask the account for."""

    def attributes(self, type_name: str, values: Iterable[str], attribute: str) -> list[str]:
        """An attribute of each of the things of an AWS-specific parameter type, in their order."""
        ...


def check(template: Template, parameters: Mapping[str, Parameter], account: Attributes) -> None:
    """Raise ValidationError for every assertion that does not hold, all in one text."""
    rules = _Rules(template, parameters, account)
    failed = []
    for name, rule in template.rules.items():
        if "RuleCondition" in rule and not rules.holds(rule["RuleCondition"]):
            continue
        for assertion in rule.get("Assertions") or []:
            if not rules.holds(assertion["Assert"]):
                failed.append(f"Rule {name}: {assertion.get('AssertDescription', 'an assertion does not hold')}")
    if failed:
        raise ValidationError(f"Template validation error: {'; '.join(failed)}")


class _Rules:
    """The functions of rules, over the values of a template's parameters."""

    def __init__(self, template: Template, parameters: Mapping[str, Parameter], account: Attributes) -> None:
        self._declared = template.parameters
        self._values = {name: parameter.value for name, parameter in parameters.items()}
        self._account = account

    def holds(self, value: Any) -> bool:
        """What a condition or an assertion says. Raises TemplateError for what is neither."""
        if not isinstance(value, dict) or len(value) != 1:
            raise TemplateError(f"Template format error: a rule's condition must be one function, not {value!r}")
        (function, arguments), *_ = value.items()
        if function == "Fn::And":
            return all(self.holds(each) for each in arguments)
        if function == "Fn::Or":
            return any(self.holds(each) for each in arguments)
        if function == "Fn::Not":
            return not self.holds(arguments[0])
        left, right = [self._value(each) for each in arguments]
        if function == "Fn::Equals":
            return text_of(left) == text_of(right)
        if function == "Fn::Contains":
            return right in left
        if function == "Fn::EachMemberEquals":
            return all(item == right for item in left)
        if function == "Fn::EachMemberIn":
            return all(item in right for item in left)
        raise _unsupported(function)

    def _value(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return self._parameter(name)
            case {"Fn::ValueOf": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::ValueOf": arguments}:
                raise TemplateError(f"Template error: Fn::ValueOf takes a parameter and an attribute, not {arguments}")
            case dict():
                raise _unsupported(next(iter(value), ""))
            case list():
                return [text_of(each) for each in value]
            case _:
                return text_of(value)

    def _parameter(self, name: str) -> str | list[str]:
        if name not in self._values:
            raise TemplateError(f"Template error: a rule refers to {name}, which is not a parameter")
        return self._values[name]

    def _attribute(self, name: str, attribute: str) -> str | list[str]:
        """One value, or a list of them where the parameter is a list."""
        value, kind = self._parameter(name), str(self._declared[name]["Type"])
        match = LIST.fullmatch(kind)
        if match:
            return self._account.attributes(match[1], value, attribute)
        return self._account.attributes(kind, [text_of(value)], attribute)[0]


def _unsupported(function: str) -> TemplateError:
    return TemplateError(f"Template error: rule function {function} is not supported by the local AWS")
