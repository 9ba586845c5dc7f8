"""The parts of the documentation that the code writes: the map of the layers, tables, and policies.

Each stands in its file between two markers, `<!-- generated:map -->` and `<!-- /generated:map -->`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from generator import catalog, image
from generator.commands import commands_tables
from generator.config.model import ClusterConfig, Network, Pool
from generator.deployer import files
from generator.reference import image_permissions_table, permissions_table, ports_table
from generator.root import templates, wires

POLICIES = Path("docs") / "deployer-policy"
"""The folder of the policies of whoever deploys: whole files."""


class DocumentError(Exception):
    """A document without the markers of its generated part."""


@dataclass(frozen=True)
class Part:
    """A generated part: the file it stands in, the name in its markers, and what writes it."""

    file: str
    name: str
    text: Callable[[], str]


def render(part: Part, document: str) -> str:
    """The document with its generated part written anew. Raises DocumentError."""
    opening, closing = f"<!-- generated:{part.name} -->", f"<!-- /generated:{part.name} -->"
    before, opened, rest = document.partition(opening)
    _, closed, after = rest.partition(closing)
    if not opened or not closed:
        missing = closing if opened else opening
        raise DocumentError(f"{part.file}: given no {missing}; allowed: the two markers of a generated part")
    return f"{before}{opening}\n{part.text()}\n{closing}{after}"


def update(directory: Path, *, write: bool) -> list[str]:
    """Names of the documents below `directory` whose generated parts differ; with `write`, made current."""
    documents: dict[Path, tuple[str, str]] = {}
    for part in PARTS:
        path = directory / part.file
        try:
            old, new = documents.get(path) or (path.read_text(),) * 2
        except OSError as error:
            raise DocumentError(f"{part.file}: {error.strerror}") from error
        documents[path] = (old, render(part, new))
    differing = {path: new for path, (old, new) in documents.items() if old != new}
    policies = directory / POLICIES
    whole = {policies / name: text for name, text in files().items()}
    differing |= {path: text for path, text in whole.items() if not path.is_file() or path.read_text() != text}
    stale = sorted(set(policies.glob("*.json")) - whole.keys())
    if write:
        policies.mkdir(parents=True, exist_ok=True)
        for path, new in differing.items():
            path.write_text(new)
        for path in stale:
            path.unlink()
    return [str(path.relative_to(directory)) for path in [*differing, *stale]]


def layer_map(config: ClusterConfig | None = None) -> str:
    """A Mermaid diagram: an arrow for every pair of layers, labelled with the values that go along it."""
    values: dict[tuple[str, str], list[str]] = {}
    for wire in wires(config or ClusterConfig()):
        names = values.setdefault((wire.source, wire.target), [])
        if wire.output not in names:
            names.append(wire.output)
    layers = dict.fromkeys(layer for pair in values for layer in pair)
    nodes = [f'    {_node(layer)}["{layer}"]' for layer in layers]
    arrows = [
        f'    {_node(source)} -- "{"<br/>".join(names)}" --> {_node(target)}'
        for (source, target), names in values.items()
    ]
    return "\n".join(["```mermaid", "flowchart TD", *nodes, *arrows, "```"])


def parameters_table() -> str:
    """A Markdown table of the root's parameters, with those that only some configurations have."""
    return _parameters(
        (only_with, templates(config)["root.json"]) for only_with, config in _PARAMETER_CONFIGURATIONS.items()
    )


def image_parameters_table() -> str:
    """A Markdown table of the image stack's parameters."""
    return _parameters([("", image.templates()[image.FILE])])


def catalog_parameters_table() -> str:
    """A Markdown table of the catalog stack's parameters."""
    return _parameters([("", catalog.templates()[catalog.FILE])])


def _parameters(bodies: Iterable[tuple[str, str]]) -> str:
    """The table of templates, each with what is added to the meaning of the parameters that it brings."""
    groups: dict[str, dict[str, str]] = {}
    for only_with, body in bodies:
        template = json.loads(body)
        for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
            label = group["Label"]["default"]
            rows = groups.setdefault(label, {})
            for name in group["Parameters"]:
                rows.setdefault(name, _row(label, name, template["Parameters"][name], only_with))
    header = ["| Group | Parameter | Default | Meaning |", "| --- | --- | --- | --- |"]
    # Required ones first, as in the console.
    ordered = (sorted(rows.values(), key=lambda row: "| **required** |" not in row) for rows in groups.values())
    return "\n".join([*header, *(row for rows in ordered for row in rows)])


def _row(group: str, name: str, parameter: dict[str, Any], only_with: str) -> str:
    default = f"`{parameter['Default']}`" if parameter.get("Default", "") != "" else ""
    default = default or ("empty" if "Default" in parameter else "**required**")
    meaning = f"{parameter['Description']}{only_with}"
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in (group, f"`{name}`", default, meaning)) + " |"


def _node(layer: str) -> str:
    return layer.replace("-", "_")


_DEFAULT = ClusterConfig()
_ON_HOSTS = Pool(name="general", tenancy="host", host_resource_group="example")
# What is added to a parameter's meaning, and a configuration that has it.
_PARAMETER_CONFIGURATIONS = {
    "": _DEFAULT,
    " (with `network.vpc: given`)": msgspec.structs.replace(_DEFAULT, network=Network(vpc="given")),
    " (with `network.endpoints: given`)": msgspec.structs.replace(
        _DEFAULT, network=Network(vpc="given", endpoints="given")
    ),
    " (with `network.privateZone: given`)": msgspec.structs.replace(
        _DEFAULT, network=Network(vpc="given", private_zone="given")
    ),
    " (with a host resource group named `example`)": msgspec.structs.replace(
        _DEFAULT, host_resource_groups=("example",), pools=(_ON_HOSTS,)
    ),
    " (with `image: own` of the pool `general`)": msgspec.structs.replace(
        _DEFAULT, pools=(Pool(name="general", image="own"),)
    ),
    " (with Capacity Reservations named `example`)": msgspec.structs.replace(
        _DEFAULT, capacity_reservations=("example",), pools=(Pool(name="general", capacity_reservation="example"),)
    ),
}

PARTS = (
    Part("docs/architecture.md", "map", layer_map),
    Part("README.md", "parameters", parameters_table),
    Part("docs/commands.md", "commands", commands_tables),
    Part("docs/permissions.md", "permissions", permissions_table),
    Part("docs/permissions.md", "image-permissions", image_permissions_table),
    Part("docs/how-to/build-images.md", "parameters", image_parameters_table),
    Part("docs/how-to/publish-the-product.md", "parameters", catalog_parameters_table),
    Part("docs/ports.md", "ports", ports_table),
)
