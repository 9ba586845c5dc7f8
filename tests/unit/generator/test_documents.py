"""The generated parts of the documentation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator import deployer
from generator.config import ClusterConfig
from generator.documents import PARTS, POLICIES, DocumentError, Part, layer_map, parameters_table, render, update
from generator.root import templates, wires

REPOSITORY = Path(__file__).parents[3]
PART = Part("a.md", "list", lambda: "- new")
DOCUMENT = "before\n<!-- generated:list -->\n- old\n<!-- /generated:list -->\nafter\n"


def test_only_what_stands_between_the_markers_is_written_anew() -> None:
    assert render(PART, DOCUMENT) == DOCUMENT.replace("old", "new")
    assert render(PART, render(PART, DOCUMENT)) == render(PART, DOCUMENT)


@pytest.mark.parametrize("marker", ["<!-- generated:list -->", "<!-- /generated:list -->"])
def test_a_document_without_a_marker_is_refused_by_the_markers_name(marker: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        render(PART, DOCUMENT.replace(marker, ""))
    assert str(refusal.value) == f"a.md: given no {marker}; allowed: the two markers of a generated part"


def test_documents_are_compared_or_written(tmp_path: Path) -> None:
    for part in PARTS:
        path = tmp_path / part.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as document:
            document.write(f"<!-- generated:{part.name} -->\n<!-- /generated:{part.name} -->\n")
    stale = f"{POLICIES}/deployer-9.json"
    (tmp_path / POLICIES).mkdir()
    (tmp_path / stale).write_text("{}")
    parts = dict.fromkeys(part.file for part in PARTS)
    names = [*parts, *(f"{POLICIES}/{name}" for name in deployer.files()), stale]
    assert update(tmp_path, write=False) == names
    assert update(tmp_path, write=True) == names
    assert update(tmp_path, write=False) == []
    assert layer_map() in (tmp_path / "docs/architecture.md").read_text()


def test_a_missing_document_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"docs/architecture\.md: No such file"):
        update(tmp_path, write=True)


def test_the_repositorys_documents_are_current() -> None:
    """`make docs` writes them anew."""
    assert update(REPOSITORY, write=False) == []


def test_every_wire_is_in_the_map() -> None:
    arrows = [line for line in layer_map().splitlines() if "--" in line]
    for wire in wires(ClusterConfig()):
        source, target = (layer.replace("-", "_") for layer in (wire.source, wire.target))
        (arrow,) = [line for line in arrows if line.split()[0] == source and line.split()[-1] == target]
        assert wire.output in arrow.split('"')[1].split("<br/>")


def test_every_root_parameter_is_in_the_table() -> None:
    table = parameters_table()
    for name in json.loads(templates(ClusterConfig())["root.json"])["Parameters"]:
        assert f"| `{name}` |" in table
    for name in ("VpcId", "EndpointCidrs", "HostedZoneId", "HostResourceGroupExampleArn"):
        assert f"| `{name}` |" in table
    assert all(line.count(" | ") == 3 for line in table.splitlines())
