"""A layer is one template: typed inputs in, resources added, typed outputs out.

The fields of `Inputs` and `Outputs` are the only place where the names of parameters and outputs are written, and what
they are: the text of `Annotated[<kind>, "<text>"]`, or of the kind itself where that says enough. Both sides of a
stack's border are derived from them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from troposphere import GetAtt, Output, Parameter, Ref, Tags, Template
from troposphere.cloudformation import Stack

from coordination.names import CLUSTER_TAG, IDENTITY_METADATA, Identity
from coordination.release import VERSION
from generator import tags
from generator.config.model import ClusterConfig
from generator.values import ClusterUuid, Origin, Value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

I = TypeVar("I", bound="DataclassInstance")  # noqa: E741 - Inputs; I and O read as a pair
O = TypeVar("O", bound="DataclassInstance")  # noqa: E741


class Wire(NamedTuple):
    """A value that one layer gives to another: `source.output` becomes the input `name` of `target`."""

    source: str
    output: str
    target: str
    name: str


class Parent:
    """The root template while layers are nested into it; collects the nested templates and the wires."""

    def __init__(self, template: Template, config: ClusterConfig, cluster_uuid: ClusterUuid) -> None:
        self.template = template
        self.config = config
        self.cluster_uuid = cluster_uuid
        self.children: dict[str, Template] = {}
        self.wires: list[Wire] = []


@dataclass(frozen=True)
class Layer(Generic[I, O]):
    """One nested template: its name (an identity, never changed), its two borders, and what fills it.

    An input whose field allows None may be left out by the parent; then the template has no such parameter. An output
    whose field allows None is left out by `build` where the configuration makes no such thing.
    """

    name: str
    inputs: type[I]
    outputs: type[O]
    build: Callable[[Template, ClusterConfig, I], O]

    def template(self, config: ClusterConfig, absent: frozenset[str] = frozenset()) -> Template:
        """The layer as a template of its own, without the inputs named in `absent`."""
        template = new_template(
            f"Kubernetes on EC2, {config.name}: {self.name}, a nested stack whose parameters the root stack sets",
            config,
        )
        given: dict[str, Value | None] = {}
        for name, (kind, description) in _border(self.inputs).items():
            if name in absent:
                given[name] = None
                continue
            parameter = Parameter(logical_id(name), Type=kind.parameter_type, Description=description)
            given[name] = kind(Ref(template.add_parameter(parameter)))
        outputs = self.build(template, config, self.inputs(**given))
        tags.add(template, config.tags)
        for name, (_, description) in _border(self.outputs).items():
            value = getattr(outputs, name)
            if value is not None:
                template.add_output(Output(logical_id(name), Description=description, Value=value.to_text()))
        return template

    def nest(
        self,
        parent: Parent,
        inputs: I,
        after: Sequence[Layer[Any, Any]] = (),
        timeout_minutes: int | None = None,
    ) -> O:
        """Add the layer to `parent` as a nested stack and return what it will output.

        `after` names layers that must be complete first although no output of theirs says so. `timeout_minutes` is how
        long CloudFormation waits for the stack's creation; without it, as long as each resource allows.
        """
        given: dict[str, Value] = {}
        for name in _border(self.inputs):
            value = getattr(inputs, name)
            if value is None:
                continue
            given[name] = value
            if value.origin is not None:
                parent.wires.append(Wire(value.origin.layer, value.origin.output, self.name, name))
        stack = Stack(
            logical_id(self.name),
            TemplateURL=f"./{self.name}.json",
            Parameters={logical_id(name): value.to_text() for name, value in given.items()},
            # CloudFormation puts a stack's tags on every resource in it that can carry tags.
            Tags=Tags(**{CLUSTER_TAG: parent.cluster_uuid}),
        )
        if timeout_minutes is not None:
            stack.TimeoutInMinutes = timeout_minutes
        if after:
            stack.DependsOn = [logical_id(layer.name) for layer in after]
        parent.template.add_resource(stack)
        absent = frozenset(_border(self.inputs)) - frozenset(given)
        child = parent.children[self.name] = self.template(parent.config, absent)
        made: dict[str, Value | None] = {}
        for name, (kind, _) in _border(self.outputs).items():
            text = GetAtt(stack, f"Outputs.{logical_id(name)}")
            made[name] = kind.from_output(text, Origin(self.name, name)) if logical_id(name) in child.outputs else None
        return self.outputs(**made)


def new_template(description: str, config: ClusterConfig) -> Template:
    """An empty template with the format version that every template of ours states, and what makes it."""
    template = Template(Description=description, Metadata={IDENTITY_METADATA: _identity(config)})
    template.set_version("2010-09-09")
    return template


def _identity(config: ClusterConfig) -> dict[str, str]:
    """The digest is one of the whole configuration, defaults included: it differs where any of them does."""
    text = msgspec.json.encode(config, order="deterministic")
    return {
        Identity.CLUSTER.value: config.name,
        Identity.CONFIGURATION.value: hashlib.sha256(text).hexdigest(),
        Identity.VERSION.value: VERSION,
        Identity.PARTITION.value: config.partition,
    }


def logical_id(name: str) -> str:
    """`private_subnet_ids` and `private-subnet-ids` become `PrivateSubnetIds`."""
    return "".join(word[:1].upper() + word[1:] for word in name.replace("-", "_").split("_"))


class _Described(NamedTuple):
    """A field of a border: its kind of value, and what templates say that it is."""

    kind: type[Value]
    description: str


@functools.cache
def _border(border: type[DataclassInstance]) -> dict[str, _Described]:
    """The fields of an Inputs or Outputs class with their kinds, `None` stripped from optional ones."""
    hints = get_type_hints(border, include_extras=True)
    described: dict[str, _Described] = {}
    for field in fields(border):
        hint, text = hints[field.name], ""
        if get_origin(hint) is Annotated:
            hint, text = get_args(hint)
        if isinstance(hint, UnionType):
            (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
        described[field.name] = _Described(hint, text or hint.description)
    return described
