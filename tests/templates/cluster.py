"""A generated cluster as tests read it: its templates parsed, and helpers that walk them.

Nothing here asks the generator's code how a template came to be; only the JSON that a user deploys is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from generator.config import ClusterConfig, load
from generator.root import templates

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yaml"))
# The example that the committed templates/ are generated from.
DEFAULT_EXAMPLE = "default"

# `Fn::Select 2 of Fn::Split "/"` of the root stack's id.
CLUSTER_UUID = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}


class Resource(NamedTuple):
    """A resource and where it stands."""

    layer: str
    logical_id: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self.body.get("Properties", {})
        return properties

    @property
    def depends_on(self) -> list[str]:
        depends_on = self.body.get("DependsOn", [])
        return [depends_on] if isinstance(depends_on, str) else list(depends_on)

    def __str__(self) -> str:
        return f"{self.layer}/{self.logical_id}"


class Statement(NamedTuple):
    """A statement of a policy document, with the resource that holds the document."""

    resource: Resource
    body: dict[str, Any]

    @property
    def actions(self) -> list[str]:
        return as_list(self.body.get("Action", []))

    @property
    def resources(self) -> list[Any]:
        return as_list(self.body.get("Resource", []))

    def condition(self, operator: str, key: str) -> Any:
        """The value of a condition key, None where the statement has no such condition."""
        return self.body.get("Condition", {}).get(operator, {}).get(key)

    @property
    def allows(self) -> bool:
        return bool(self.body["Effect"] == "Allow")

    def __str__(self) -> str:
        return f"{self.resource}, statement {self.body.get('Sid', '(no Sid)')}"


class Place(NamedTuple):
    """An expression and the template in which it means something."""

    layer: str
    expression: Any


@dataclass(frozen=True)
class Cluster:
    """The templates of one configuration, by layer name (`root`, `iam`, `workers-general` ...).

    What is found by walking is kept, so a test that changes templates changes a fresh copy and asks afterwards.
    """

    name: str
    config: ClusterConfig
    templates: dict[str, dict[str, Any]]

    def copy(self) -> Cluster:
        return Cluster(self.name, self.config, deepcopy(self.templates))

    def resources(self, *types: str, layer: str = "") -> list[Resource]:
        """Every resource, of the given types and in the given layer where they are named."""
        return [
            resource
            for resource in self._resources
            if layer in ("", resource.layer) and (not types or resource.body["Type"] in types)
        ]

    def resource(self, layer: str, logical_id: str) -> Resource:
        return Resource(layer, logical_id, self.templates[layer]["Resources"][logical_id])

    def statements(self, *types: str) -> list[Statement]:
        """Every statement of every policy document, wherever in a resource (of the given types) it stands."""
        return [statement for statement in self._statements if not types or statement.resource.type in types]

    def role_statements(self, *roles: str) -> list[Statement]:
        """Statements of the policies that are attached to roles, which are named by their logical ids in iam."""
        return [statement for role in roles for statement in self._role_statements.get(role, [])]

    @cached_property
    def stacks(self) -> dict[str, Resource]:
        """Layer name -> its nested stack in the root."""
        return {
            stack.properties["TemplateURL"].removeprefix("./").removesuffix(".json"): stack
            for stack in self.resources("AWS::CloudFormation::Stack")
        }

    @cached_property
    def texts(self) -> list[tuple[str, str]]:
        """Every text of every template with its path, keys among them."""
        return [(path, text) for layer, template in self.templates.items() for path, text in _texts(template, layer)]

    @cached_property
    def _resources(self) -> list[Resource]:
        return [
            Resource(layer, logical_id, body)
            for layer, template in self.templates.items()
            for logical_id, body in template["Resources"].items()
        ]

    @cached_property
    def _statements(self) -> list[Statement]:
        return [
            Statement(resource, statement)
            for resource in self._resources
            for document in _policies(resource.properties)
            for statement in as_list(document["Statement"])
        ]

    @cached_property
    def _role_statements(self) -> dict[str, list[Statement]]:
        """Logical id of a role in iam -> the statements of its policies."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements("AWS::IAM::RolePolicy"):
            role = self.resource_of(statement.resource.layer, statement.resource.properties["RoleName"])
            found.setdefault(role.logical_id if role else "", []).append(statement)
        return found

    def resolve(self, layer: str, expression: Any) -> Place:
        """Follow parameters up and outputs down until the expression that makes the value."""
        template = self.templates[layer]
        match expression:
            case {"Ref": str(name)} if layer != "root" and name in template.get("Parameters", {}):
                return self.resolve("root", self.stacks[layer].properties["Parameters"][name])
            case {"Fn::GetAtt": [str(logical_id), str(attribute)]} if layer == "root" and "." in attribute:
                source = next(name for name, stack in self.stacks.items() if stack.logical_id == logical_id)
                output = self.templates[source]["Outputs"][attribute.removeprefix("Outputs.")]
                return self.resolve(source, output["Value"])
            case _:
                return Place(layer, expression)

    def resource_of(self, layer: str, expression: Any) -> Resource | None:
        """The resource that an expression's value comes from; None where it is none of ours."""
        place = self.resolve(layer, expression)
        match place.expression:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
                body = self.templates[place.layer]["Resources"].get(name)
                return None if body is None else Resource(place.layer, name, body)
            case _:
                return None

    def is_cluster_uuid(self, layer: str, expression: Any) -> bool:
        return self.resolve(layer, expression) == Place("root", CLUSTER_UUID)

    def parameter_default(self, name: str) -> Any:
        return self.templates["root"]["Parameters"][name].get("Default")


def generated(name: str, config: ClusterConfig) -> Cluster:
    """The cluster of a configuration."""
    files = templates(config)
    return Cluster(name, config, {file.removesuffix(".json"): json.loads(text) for file, text in files.items()})


@cache
def example(name: str) -> Cluster:
    """The cluster of examples/<name>.yaml; shared, so copy it before you change it."""
    return generated(name, load(str(ROOT / "examples" / f"{name}.yaml")))


def _texts(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text below a value with its path, keys of dicts among them."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, child in node.items():
            yield path, key
            yield from _texts(child, f"{path}/{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _texts(child, f"{path}/{index}")


def _policies(node: Any) -> Iterator[dict[str, Any]]:
    """Every policy document below a value."""
    if isinstance(node, dict):
        if "Statement" in node:
            yield node
        else:
            for child in node.values():
                yield from _policies(child)
    elif isinstance(node, list):
        for child in node:
            yield from _policies(child)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def substituted(expression: Any, values: Mapping[str, str]) -> str:
    """What a text or an Fn::Sub without a map of its own becomes; a value that is missing is a KeyError."""
    if isinstance(expression, str):
        return expression
    return re.sub(r"\$\{([^!}][^}]*)\}", lambda match: values[match[1]], expression["Fn::Sub"])
