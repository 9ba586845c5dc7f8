"""A CloudFormation template: read from JSON or YAML, and checked for its shape."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from rehearsal.aws.cloudformation.errors import TemplateError

SECTIONS = {
    "AWSTemplateFormatVersion": str,
    "Description": str,
    "Metadata": dict,
    "Parameters": dict,
    "Rules": dict,
    "Mappings": dict,
    "Conditions": dict,
    "Transform": object,
    "Resources": dict,
    "Outputs": dict,
}
RESOURCE_KEYS = frozenset(
    "Condition CreationPolicy DeletionPolicy DependsOn Metadata Properties Type UpdatePolicy "
    "UpdateReplacePolicy".split()
)
POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}")
MAX_RESOURCES = 500
"""CloudFormation's quota of resources in a template."""
MAX_OUTPUTS = MAX_PARAMETERS = 200
"""CloudFormation's quotas of outputs and of parameters in a template."""


@dataclass(frozen=True)
class Template:
    """A template whose shape is right; whether its references resolve is for `validation` to say."""

    body: str
    document: dict[str, Any]

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Resource definitions by logical id."""
        return dict(self.document["Resources"])

    @cached_property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Parameter declarations by name."""
        return dict(self.document.get("Parameters") or {})

    @cached_property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """Output definitions by name."""
        return dict(self.document.get("Outputs") or {})

    @cached_property
    def conditions(self) -> dict[str, Any]:
        """Conditions by name."""
        return dict(self.document.get("Conditions") or {})

    @cached_property
    def mappings(self) -> dict[str, Any]:
        """Mappings by name."""
        return dict(self.document.get("Mappings") or {})

    @cached_property
    def rules(self) -> dict[str, Any]:
        """Rules by name."""
        return dict(self.document.get("Rules") or {})

    @property
    def description(self) -> str | None:
        """The template's description."""
        text: str | None = self.document.get("Description")
        return text


def properties_of(definition: dict[str, Any]) -> dict[str, Any]:
    """A resource definition's properties; it may have none."""
    return dict(definition.get("Properties") or {})


def type_of(definition: dict[str, Any]) -> str:
    """A resource definition's type."""
    return str(definition["Type"])


@functools.lru_cache(maxsize=128)
def parse(body: str) -> Template:
    """Read a template. Raises TemplateError with CloudFormation's text.

    A deploy reads the same text several times, and YAML is slow; nobody changes a template once it is read.
    """
    document = _document(body)
    for key, value in document.items():
        if key not in SECTIONS:
            raise TemplateError(f"Invalid template property or properties [{key}]")
        if value is not None and not isinstance(value, SECTIONS[key]):
            raise TemplateError(f"Template format error: {key} must be {_kind(SECTIONS[key])}.")
    version = document.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        raise TemplateError(
            f"Template format error: Unsupported structure or value [{version}] for AWSTemplateFormatVersion; "
            "allowed: 2010-09-09"
        )
    if document.get("Transform"):
        raise TemplateError(f"Transform {document['Transform']} is not supported by the local AWS")
    if not document.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    _check_resources(document["Resources"])
    _check_parameters(document.get("Parameters") or {})
    _check_outputs(document.get("Outputs") or {})
    return Template(body, document)


def _kind(wanted: type) -> str:
    return "an object" if wanted is dict else "a string"


def _document(body: str) -> dict[str, Any]:
    if body.lstrip().startswith("{"):
        try:
            document = json.loads(body)
        except json.JSONDecodeError as error:
            raise TemplateError(
                f"Template format error: JSON not well-formed. (line {error.lineno}, column {error.colno})"
            ) from None
    else:
        try:
            document = yaml.load(body, _Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
            raise TemplateError(f"Template format error: YAML not well-formed.{place}") from None
    if not isinstance(document, dict):
        raise TemplateError("Template format error: unsupported structure.")
    return document


# The loader in C is ten times as fast; a PyYAML built without it has only the other.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's short forms (`!Ref x`) and with text for keys, as in JSON."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        return {_key(key): value for key, value in super().construct_mapping(node, deep).items()}


def _key(key: Hashable) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


# Dates stay text: 2010-09-09 is a version, not a day.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def _check_resources(resources: dict[str, Any]) -> None:
    if len(resources) > MAX_RESOURCES:
        raise TemplateError(
            f"Template format error: Number of resources, {len(resources)}, is greater than maximum allowed, "
            f"{MAX_RESOURCES}"
        )
    for logical_id, definition in resources.items():
        if not LOGICAL_ID.fullmatch(logical_id):
            raise TemplateError(f"Template format error: Resource name {logical_id} is non alphanumeric.")
        if not isinstance(definition, dict):
            raise TemplateError("Template format error: Any Resources member must be an object.")
        if not isinstance(definition.get("Type"), str):
            raise TemplateError(
                f"Template format error: [/Resources/{logical_id}] Every Resources object must contain a Type member."
            )
        for key in definition:
            if key not in RESOURCE_KEYS:
                raise TemplateError(f"Invalid template resource property '{key}'")
        if not isinstance(definition.get("Properties") or {}, dict):
            raise TemplateError(f"Template format error: [/Resources/{logical_id}/Properties] must be an object.")
        _check_policies(logical_id, definition)


def _check_policies(logical_id: str, definition: dict[str, Any]) -> None:
    for policy, allowed in POLICIES.items():
        given = definition.get(policy)
        if given is None:
            continue
        if given not in allowed:
            raise TemplateError(
                f"Template format error: Unrecognized {policy} {given} for resource {logical_id}; "
                f"allowed: {', '.join(allowed)}"
            )
        if given == "Snapshot":
            raise TemplateError(f"{policy} Snapshot of resource {logical_id} is not supported by the local AWS")


def _check_parameters(parameters: dict[str, Any]) -> None:
    if len(parameters) > MAX_PARAMETERS:
        raise TemplateError(
            f"Template format error: Number of parameters, {len(parameters)}, is greater than maximum allowed, "
            f"{MAX_PARAMETERS}"
        )
    for name, declaration in parameters.items():
        if not isinstance(declaration, dict) or not isinstance(declaration.get("Type"), str):
            raise TemplateError(
                f"Template format error: Every Parameters object must contain a Type member. [/Parameters/{name}]"
            )


def _check_outputs(outputs: dict[str, Any]) -> None:
    if len(outputs) > MAX_OUTPUTS:
        raise TemplateError(
            f"Template format error: Number of outputs, {len(outputs)}, is greater than maximum allowed, {MAX_OUTPUTS}"
        )
    for name, output in outputs.items():
        if not isinstance(output, dict) or "Value" not in output:
            raise TemplateError(f"Template format error: Every Outputs member must contain a Value object. [{name}]")
        if "Export" in output:
            raise TemplateError(f"Export of output {name} is not supported by the local AWS")
