"""The components in the image stack: those of the chosen minor are made, and a recipe names them in their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from troposphere import Condition, Equals, If, Join, Or, Ref, StackName, Template
from troposphere import imagebuilder as ib

from coordination.names import IMAGE_TAG
from generator.image.kinds import ComponentParameter
from generator.image.parameters import ImageParameters
from generator.layer import logical_id
from imagebuilder import artefacts, versions
from imagebuilder.components import Component, documents

MAX_DATA_CHARACTERS = 16_000
"""Of a document in a template (template reference, AWS::ImageBuilder::Component); a larger one would be in S3."""


@dataclass(frozen=True)
class Components:
    """What images are made of: component names in their order, each with the component of every minor."""

    minors: tuple[str, ...]
    """The newest first."""
    by_name: Mapping[str, Mapping[str, Component]]
    unlocked: Mapping[str, str] = field(default_factory=dict)
    """Minors of which something has no checksum, each with what to do: their components fail."""

    @property
    def parameters(self) -> list[ComponentParameter]:
        """What a recipe has to give, each once. Raises ValueError where two components mean different things."""
        found: dict[str, ComponentParameter] = {}
        for of_minors in self.by_name.values():
            for component in of_minors.values():
                for each in _declared(component):
                    if found.setdefault(each.name, each) != each:
                        raise ValueError(f"{component.name}: the parameter {each.name} is another one elsewhere")
        return list(found.values())


@dataclass(frozen=True)
class Chosen:
    """A component of the chosen minor: its ARN, and its place in the recipe."""

    arn: Any
    configuration: ib.ComponentConfiguration


def read() -> Components:
    """The components of every minor that images are made of. Raises ValueError where minors have other ones."""
    known = versions.read()
    by_minor = {each.minor: documents(known, each) for each in known.releases}
    names = {tuple(made) for made in by_minor.values()}
    if len(names) != 1:
        raise ValueError(f"components: {sorted(names)}; allowed: the same names in the same order for each minor")
    (order,) = names
    by_name = {name: {minor: made[name] for minor, made in by_minor.items()} for name in order}
    unlocked = {each.minor: artefacts.of(known, each).unlocked() for each in known.releases}
    return Components(
        tuple(by_minor),
        by_name,
        {minor: artefacts.unlocked_message(labels) for minor, labels in unlocked.items() if labels},
    )


def add(template: Template, components: Components, given: ImageParameters) -> list[Chosen]:
    """Add them, one resource for each document, and choose those of the minor. Raises ValueError for one too large."""
    if any(len(set(map(_data, made.values()))) > 1 for made in components.by_name.values()):
        for minor in components.minors:
            template.add_condition(_is(minor), Equals(given.minor, minor))
    return [_chosen(template, name, of_minors, given) for name, of_minors in components.by_name.items()]


def _chosen(template: Template, name: str, of_minors: Mapping[str, Component], given: ImageParameters) -> Chosen:
    resources: dict[str, ib.Component] = {}
    by_document: dict[str, list[str]] = {}
    for minor, component in of_minors.items():
        by_document.setdefault(_data(component), []).append(minor)
    for data, minors in by_document.items():
        for_all = len(minors) == len(of_minors)
        resource = _component(name if for_all else f"{name}-{minors[0]}", of_minors[minors[0]], data)
        if len(minors) > 1 and not for_all:
            # A resource has one condition.
            template.add_condition(f"{resource.title}Chosen", Or(*(Condition(_is(minor)) for minor in minors)))
            resource.Condition = f"{resource.title}Chosen"
        elif not for_all:
            resource.Condition = _is(minors[0])
        template.add_resource(resource)
        resources |= dict.fromkeys(minors, resource)
    *others, (minor, oldest) = resources.items()
    arn: Any = Ref(oldest)
    for other, resource in reversed(others) if len(by_document) > 1 else ():
        arn = If(_is(other), Ref(resource), arn)
    configuration = ib.ComponentConfiguration(ComponentArn=arn)
    values = [
        ib.ComponentParameter(Name=each.name, Value=[given.of_components[each.name]])
        for each in _declared(of_minors[minor])
    ]
    if values:
        configuration.Parameters = values
    return Chosen(arn, configuration)


def _component(name: str, component: Component, data: str) -> ib.Component:
    # Of its content: a component never changes, and the same version of another content would be another build of it.
    digest = hashlib.sha256("\0".join([component.description, data]).encode()).hexdigest()
    return ib.Component(
        f"{logical_id(name.replace('.', '-'))}Component",
        Name=Join("-", [StackName, name.replace(".", "-")]),
        Description=component.description,
        Platform="Linux",
        # Each place goes up to 2^30 - 1 (API reference, CreateComponent).
        Version=f"1.{int(digest[:7], 16)}.{int(digest[7:14], 16)}",
        Data=data,
        Tags={IMAGE_TAG: StackName},
    )


def _data(component: Component) -> str:
    """JSON, which is YAML. Raises ValueError."""
    data = json.dumps(component.document, ensure_ascii=False)
    if len(data) > MAX_DATA_CHARACTERS:
        raise ValueError(f"component {component.name}: {len(data)} characters, the limit is {MAX_DATA_CHARACTERS}")
    return data


def _declared(component: Component) -> Iterator[ComponentParameter]:
    """Of the document: `parameters` is a list of mappings with one name each (user guide, "Use variables in your custom
    component document")."""
    declared: Any = component.document.get("parameters", [])
    for each in declared:
        for name, said in each.items():
            yield ComponentParameter(name, said["description"], said.get("default"))


def _is(minor: str) -> str:
    return f"IsKubernetes{minor.replace('.', '')}"
