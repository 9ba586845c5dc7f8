"""The text of a template: its keys in the order in which people write and read them, indented by two spaces.

- a template: AWSTemplateFormatVersion, Description, Metadata, Parameters, Rules, Mappings, Conditions, Resources,
  Outputs. What comes in and what is refused stands before what is made, and what comes out stands last.
- a parameter: Type, Description, Default, then its constraints. A rule: RuleCondition, Assertions. An output:
  Description, Condition, Value.
- a resource: Type, Condition, DependsOn, DeletionPolicy, UpdateReplacePolicy, CreationPolicy, UpdatePolicy, Metadata,
  Properties. So what it is, whether and when it is made, how it ends, and why it is so stands before the long part.

Parameters, rules, conditions, resources and outputs themselves stay in the order in which they were added, and so do
properties. CloudFormation attaches no meaning to any order: it compares what a template says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from troposphere import Template

_INDENT = 2
_TEMPLATE = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
)
_ENTRIES = {
    "Parameters": ("Type", "Description", "Default"),
    "Rules": ("RuleCondition", "Assertions"),
    "Resources": (
        "Type",
        "Condition",
        "DependsOn",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "CreationPolicy",
        "UpdatePolicy",
        "Metadata",
        "Properties",
    ),
    "Outputs": ("Description", "Condition", "Value"),
}
# Of a template and of its parameters and outputs: what is there for people, and makes no resource another one.
_WORDS = ("Description", "Metadata")


def text(template: Template) -> str:
    """The template as JSON, with the keys in the order that stands above."""
    return json.dumps(_ordered_template(template.to_dict()), indent=_INDENT) + "\n"


def effect(template: Template) -> dict[str, Any]:
    """What a template says without its words: the descriptions of itself, its parameters and its outputs, and its
    Metadata, none of which changes a resource. Metadata of resources is left in."""
    body = template.to_dict()
    kept = {key: section for key, section in body.items() if key not in _WORDS}
    for section in ("Parameters", "Outputs"):
        if section in kept:
            kept[section] = {name: _without_words(entry) for name, entry in kept[section].items()}
    return kept


def _without_words(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in _WORDS}


def _ordered_template(body: Mapping[str, Any]) -> dict[str, Any]:
    ordered = _ordered(body, _TEMPLATE)
    for section, keys in _ENTRIES.items():
        if section in ordered:
            ordered[section] = {name: _ordered(entry, keys) for name, entry in ordered[section].items()}
    return ordered


def _ordered(entry: Mapping[str, Any], first: Iterable[str]) -> dict[str, Any]:
    """The entry with those keys first, in their order, and then the others in the order that they have."""
    return {**{key: entry[key] for key in first if key in entry}, **entry}
