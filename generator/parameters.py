"""The root's parameters: what a person chooses at deploy time, in groups for the console, required ones first.

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

    def add_interface(self) -> None:
        """Write the groups and labels into the template's Metadata, and put the parameters into the same order; call
        once, after the last parameter.

        Groups with a required parameter come first, and so do required parameters within their group; otherwise both
        stay in the order in which they were added.
        """
        declared = self._template.parameters
        groups = {group: sorted(names, key=self._is_optional) for group, names in self._groups.items()}
        order = sorted(groups, key=lambda group: self._is_optional(groups[group][0]))
        names = [name for group in order for name in groups[group]]
        self._template.parameters = {name: declared[name] for name in names}
        self._template.metadata["AWS::CloudFormation::Interface"] = {
            "ParameterGroups": [{"Label": {"default": group}, "Parameters": groups[group]} for group in order],
            "ParameterLabels": {name: {"default": self._labels[name]} for name in names},
        }

    def _is_optional(self, name: str) -> bool:
        return "Default" in self._template.parameters[name].properties
