"""The root's parameters: what a person chooses at deploy time, in groups for the console.

Only the root has defaults. A parameter here never changes which resources exist (that is the configuration's part),
but for the optional pieces that are empty text when they are not wanted.
"""

from __future__ import annotations

from typing import Any, TypeVar

from troposphere import Parameter, Ref, Template

from generator.values import Value

V = TypeVar("V", bound=Value)


class Parameters:
    """Adds parameters to a template and keeps their order, groups and labels for AWS::CloudFormation::Interface."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._groups: dict[str, list[str]] = {}
        self._labels: dict[str, str] = {}

    def add(self, group: str, name: str, kind: type[V], label: str, description: str, **constraints: Any) -> V:
        """One parameter; `constraints` are CloudFormation's own (Default, AllowedPattern, MinValue ...)."""
        parameter = Parameter(
            name, Type=constraints.pop("Type", kind.parameter_type), Description=description, **constraints
        )
        self._template.add_parameter(parameter)
        self._groups.setdefault(group, []).append(name)
        self._labels[name] = label
        return kind(Ref(parameter))

    def refuse_equal(self, rule: str, name: str, other: str, why: str) -> None:
        """A rule of the template by which CloudFormation refuses the same value for two parameters, and says why."""
        unequal = {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, {"Ref": other}]}]}
        self._template.add_rule(rule, {"Assertions": [{"Assert": unequal, "AssertDescription": why}]})

    def add_interface(self) -> None:
        """Write the groups and labels into the template; call once, after the last parameter."""
        self._template.set_metadata(
            {
                **self._template.metadata,
                "AWS::CloudFormation::Interface": {
                    "ParameterGroups": [
                        {"Label": {"default": group}, "Parameters": names} for group, names in self._groups.items()
                    ],
                    "ParameterLabels": {name: {"default": label} for name, label in self._labels.items()},
                },
            }
        )
