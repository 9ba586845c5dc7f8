"""Facts about resource types from the public schemas that cfn-lint carries, each read when it is first used."""

from __future__ import annotations

import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Schema:
    """What the engine needs to know of a type. Property paths are written `Settings/Name`."""

    create_only: frozenset[str] = frozenset()
    conditional_create_only: frozenset[str] = frozenset()
    primary_identifier: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    read_only: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    taggable: bool = False
    """Whether a stack's tags reach it, and go on to when they change."""
    tag_property: str = ""
    """Where a template says its tags; empty where it takes none."""
    known: bool = False


@functools.cache
def _data() -> Path:
    # find_spec does not import cfn-lint itself, which takes a second.
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise RuntimeError("cfn-lint is not installed: the local AWS takes the resource types' schemas from it")
    return Path(spec.origin).parent / "data" / "schemas"


@functools.cache
def _index() -> dict[str, str]:
    index: dict[str, str] = json.loads((_data() / "providers" / "us-east-1.json").read_text())
    return index


@functools.cache
def raw_schema(type_name: str) -> dict[str, Any]:
    """The schema of a type as AWS publishes it; empty for a type without public schema (custom resources)."""
    if type_name not in _index():
        return {}
    raw: dict[str, Any] = json.loads((_data() / "resources" / f"{_index()[type_name]}.json").read_text())
    return raw


@functools.cache
def schema_of(type_name: str) -> Schema:
    """The schema of a type; an empty one for a type without public schema (custom resources)."""
    raw = raw_schema(type_name)
    if not raw:
        return Schema()
    tagging = raw.get("tagging") or {}
    return Schema(
        create_only=_paths(raw, "createOnlyProperties"),
        conditional_create_only=_paths(raw, "conditionalCreateOnlyProperties"),
        primary_identifier=tuple(_path(pointer) for pointer in raw.get("primaryIdentifier") or ()),
        required=frozenset(raw.get("required") or ()),
        read_only=_paths(raw, "readOnlyProperties"),
        properties=frozenset(raw.get("properties") or ()),
        tag_property=_path(tagging.get("tagProperty") or "/properties/Tags") if tagging.get("taggable") else "",
        taggable=bool(tagging.get("taggable")) and bool(tagging.get("tagUpdatable", True)),
        known=True,
    )


def _paths(raw: dict[str, Any], key: str) -> frozenset[str]:
    return frozenset(_path(pointer) for pointer in raw.get(key) or ())


def _path(pointer: str) -> str:
    return pointer.removeprefix("/properties/")
