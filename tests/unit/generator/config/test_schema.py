"""The JSON Schema that editors use agrees with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings

from generator.config import ClusterConfig, load, parse
from generator.config.schema import schema_text
from tests.breaks import Document
from tests.strategies import valid_documents

EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema_text()))


def sections() -> dict[str, Any]:
    definitions: dict[str, Any] = json.loads(schema_text())["$defs"]
    return definitions


def test_every_object_is_closed() -> None:
    assert {name: section["additionalProperties"] for name, section in sections().items()} == dict.fromkeys(
        (
            *("ClusterConfig", "Network", "Kubernetes", "ControlPlane", "Pool", "Taint"),
            *("Access", "OidcIssuer", "OidcGroups", "Lifecycle", "Monitoring", "Addons"),
        ),
        False,
    )


def test_every_field_has_a_description_where_the_editor_looks_for_it() -> None:
    for name, section in sections().items():
        assert section["description"]
        for field, schema in section["properties"].items():
            referred = schema.get("anyOf", [schema])[0].get("$ref", "").rpartition("/")[2]
            assert "description" in schema or sections()[referred]["description"], f"{name}.{field}"


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_satisfies_the_schema(example: Path) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(example.read_text()))) == []


@settings(deadline=None, max_examples=50)
@given(valid_documents())
def test_what_the_reader_accepts_satisfies_the_schema(document: Document) -> None:
    assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.parametrize(
    "document",
    [
        *({"network": None}, {"kubernetes": None}, {"hostResourceGroups": None}, {"access": {"oidc": None}}),
        *({"pools": [{"name": "aa", "labels": None, "taints": None}]}, {"controlPlane": {"instanceType": "m7i.large"}}),
    ],
)
def test_what_may_be_left_empty_satisfies_the_schema(document: Document) -> None:
    parse(json.dumps(document))
    assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.parametrize(
    "document",
    [
        {"zone": 3},
        {"zones": 7},
        {"controlPlane": {"slots": 4}},
        {"pools": []},
        {"pools": None},
        {"zones": None},
        {"pools": [{"labels": {"a": 1}}]},
    ],
)
def test_what_the_types_refuse_fails_the_schema(document: Document) -> None:
    assert list(VALIDATOR.iter_errors(document))


def test_the_default_example_writes_every_default_out() -> None:
    (default,) = [path for path in EXAMPLES if path.stem == "default"]
    assert load(default) == ClusterConfig()
    document = yaml.safe_load(default.read_text())
    written = {
        "ClusterConfig": document,
        "Network": document["network"],
        "Kubernetes": document["kubernetes"],
        "ControlPlane": document["controlPlane"],
        "Pool": document["pools"][0],
    }
    for name, section in written.items():
        assert set(section) | {"hostResourceGroup", "capacityReservation"} >= set(sections()[name]["properties"])
