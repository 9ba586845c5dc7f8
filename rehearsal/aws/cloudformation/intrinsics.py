"""Resolving the intrinsic functions of a template to values."""

from __future__ import annotations

import base64
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rehearsal.aws.cloudformation.errors import TemplateError
from rehearsal.aws.cloudformation.references import SUB_NAME
from rehearsal.aws.cloudformation.template import Template

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""What a change set shows for a value that is only known when the change was made (CloudFormation's own text)."""
DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):([^}]*)\}\}")
PSEUDO_PARAMETERS = frozenset(
    "AWS::AccountId AWS::NotificationARNs AWS::NoValue AWS::Partition AWS::Region AWS::StackId AWS::StackName "
    "AWS::URLSuffix".split()
)


class _NoValue:
    """The value of AWS::NoValue: the property is left out."""


NO_VALUE = _NoValue()


class View(Protocol):
    """The resources' values that a template may refer to."""

    def ref(self, logical_id: str) -> Any:
        """The value of Ref."""
        ...

    def attribute(self, logical_id: str, name: str) -> Any:
        """The value of Fn::GetAtt."""
        ...


class Lookup(Protocol):
    """What resolving a value needs to ask the account for."""

    def availability_zones(self, region: str) -> list[str]:
        """The names of a region's zones."""
        ...

    def ssm_parameter(self, reference: str) -> str:
        """The value of an SSM parameter, `name` or `name:version`."""
        ...


class Resolver:
    """Resolves values of one template with one set of parameters. `parameters` holds their final values."""

    def __init__(
        self, template: Template, parameters: Mapping[str, Any], pseudo: Mapping[str, Any], view: View, lookup: Lookup
    ) -> None:
        self._template = template
        self._parameters = parameters
        self._pseudo = pseudo
        self._view = view
        self._lookup = lookup
        self._conditions: dict[str, bool] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._cidr,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAZs": self._zones,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Ref": self._ref,
            "Fn::And": lambda value: all(self._boolean(each) for each in self._list(value, "Fn::And")),
            "Fn::Or": lambda value: any(self._boolean(each) for each in self._list(value, "Fn::Or")),
            "Fn::Not": lambda value: not self._boolean(self._list(value, "Fn::Not")[0]),
            "Fn::Equals": self._equals,
        }

    def resolve(self, value: Any) -> Any:
        """The value with every function replaced by its result."""
        if isinstance(value, str):
            return self._dynamic(value)
        if isinstance(value, list):
            return [item for each in value if (item := self.resolve(each)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument), *_ = value.items()
            if key in self._functions:
                return self._functions[key](argument)
            if key == "Condition" and isinstance(argument, str) and argument in self._template.conditions:
                return self.condition(argument)
            if key.startswith("Fn::"):
                raise TemplateError(f"Template error: function {key} is not supported by the local AWS")
        return {key: item for key, each in value.items() if (item := self.resolve(each)) is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            if name not in self._template.conditions:
                raise TemplateError(f"Template format error: Unresolved condition dependency {name} in the template")
            self._conditions[name] = self._boolean(self._template.conditions[name])
        return self._conditions[name]

    def chosen(self, value: Any) -> Any:
        """The value with only Fn::If resolved: what is left is what the template really refers to."""
        if isinstance(value, list):
            return [self.chosen(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and "Fn::If" in value:
            name, yes, no = self._arguments(value["Fn::If"], "Fn::If", 3)
            return self.chosen(yes if self.condition(name) else no)
        return {key: self.chosen(each) for key, each in value.items()}

    def _boolean(self, value: Any) -> bool:
        if isinstance(value, dict) and set(value) == {"Condition"}:
            return self.condition(value["Condition"])
        result = self.resolve(value)
        if isinstance(result, bool):
            return result
        if str(result).lower() in {"true", "false"}:
            return str(result).lower() == "true"
        raise TemplateError(f"Template error: every Condition must be true or false, not {result!r}")

    def _ref(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise TemplateError("Template format error: every Ref object must have a single String value.")
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._parameters:
            return self._parameters[name]
        if name in PSEUDO_PARAMETERS:
            return self._pseudo[name]
        return self._view.ref(name)

    def _get_att(self, argument: Any) -> Any:
        if isinstance(argument, str):
            argument = argument.split(".", 1)
        if not isinstance(argument, list) or len(argument) < 2:
            raise TemplateError(
                "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the "
                "resource attribute"
            )
        attribute = ".".join(str(self.resolve(part)) for part in argument[1:])
        return self._view.attribute(str(argument[0]), attribute)

    def _sub(self, argument: Any) -> Any:
        text, own = (argument, {}) if isinstance(argument, str) else self._arguments(argument, "Fn::Sub", 2)
        values = {key: self.resolve(each) for key, each in own.items()}

        def value(match: re.Match[str]) -> str:
            name = match[2].strip()
            if match[1]:
                return "${" + match[2] + "}"
            if name in values:
                found = values[name]
            elif "." in name and name.split(".")[0] not in self._parameters:
                found = self._get_att(name)
            else:
                found = self._ref(name)
            if isinstance(found, (dict, list, _NoValue)):
                raise TemplateError(
                    f"Template error: variable {name} in Fn::Sub expression does not resolve to a string"
                )
            return text_of(found)

        return self._dynamic(SUB_NAME.sub(value, text))

    def _join(self, argument: Any) -> Any:
        delimiter, items = self._arguments(argument, "Fn::Join", 2)
        resolved = self.resolve(items)
        if not isinstance(resolved, list):
            if resolved == UNKNOWN:
                return UNKNOWN
            raise TemplateError(
                "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list "
                "of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be "
                "joined."
            )
        return self._dynamic(str(delimiter).join(text_of(each) for each in resolved))

    def _split(self, argument: Any) -> Any:
        delimiter, text = self._arguments(argument, "Fn::Split", 2)
        resolved = self.resolve(text)
        if not isinstance(resolved, str):
            raise TemplateError("Template error: Fn::Split requires two string parameters")
        return UNKNOWN if UNKNOWN in resolved else resolved.split(str(self.resolve(delimiter)))

    def _select(self, argument: Any) -> Any:
        index, items = self._arguments(argument, "Fn::Select", 2)
        resolved = self.resolve(items)
        if resolved == UNKNOWN:
            return UNKNOWN
        number = str(self.resolve(index))
        if not isinstance(resolved, list) or not number.isdecimal():
            raise TemplateError(
                "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
            )
        if int(number) >= len(resolved):
            raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {number}")
        return resolved[int(number)]

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = [self.resolve(each) for each in self._arguments(argument, "Fn::FindInMap", 3)]
        if name not in self._template.mappings:
            raise TemplateError(
                f"Template error: Mapping named '{name}' is not present in the 'Mappings' section of template."
            )
        try:
            return self._template.mappings[name][str(first)][str(second)]
        except KeyError:
            raise TemplateError(f"Template error: Unable to get mapping for {name}::{first}::{second}") from None

    def _if(self, argument: Any) -> Any:
        name, yes, no = self._arguments(argument, "Fn::If", 3)
        return self.resolve(yes if self.condition(str(name)) else no)

    def _equals(self, argument: Any) -> bool:
        left, right = [self.resolve(each) for each in self._arguments(argument, "Fn::Equals", 2)]
        return text_of(left) == text_of(right)

    def _base64(self, argument: Any) -> Any:
        resolved = self.resolve(argument)
        if isinstance(resolved, str) and UNKNOWN in resolved:
            return UNKNOWN
        if not isinstance(resolved, str):
            raise TemplateError("Template error: every Fn::Base64 object must have a String-typed value.")
        return base64.b64encode(resolved.encode()).decode()

    def _cidr(self, argument: Any) -> Any:
        values = [self.resolve(each) for each in self._list(argument, "Fn::Cidr")]
        if UNKNOWN in values:
            return UNKNOWN
        try:
            network = ipaddress.ip_network(values[0])
            count, bits = int(values[1]), int(values[2]) if len(values) > 2 else None
            if bits is None:
                raise TemplateError("Fn::Cidr without cidrBits is not supported by the local AWS")
            subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
            result = [str(each) for each in itertools.islice(subnets, count)]
        except (ValueError, IndexError) as error:
            raise TemplateError(f"Template error: Fn::Cidr of {values} cannot be computed: {error}") from None
        if len(result) < count:
            raise TemplateError(
                f"Template error: Fn::Cidr of {values}: {network} has room for {len(result)} blocks, not {count}"
            )
        return result

    def _zones(self, argument: Any) -> list[str]:
        region = self.resolve(argument)
        return self._lookup.availability_zones(region or self._pseudo["AWS::Region"])

    def _dynamic(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            service, reference = match.groups()
            if service != "ssm":
                raise TemplateError(f"dynamic reference {{{{resolve:{service}:…}}}} is not supported by the local AWS")
            return self._lookup.ssm_parameter(reference)

        return DYNAMIC.sub(value, text) if "{{resolve:" in text else text

    def _list(self, argument: Any, function: str) -> list[Any]:
        if not isinstance(argument, list) or not argument:
            raise TemplateError(f"Template error: every {function} object requires a list of arguments")
        return argument

    def _arguments(self, argument: Any, function: str, count: int) -> list[Any]:
        if not isinstance(argument, list) or len(argument) != count:
            raise TemplateError(f"Template error: {function} requires a list argument with {count} elements")
        return argument


def text_of(value: Any) -> str:
    """A value as CloudFormation writes it into text: true, not True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)
