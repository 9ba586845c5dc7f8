"""The configuration's JSON Schema: what an editor completes and underlines. The rules go beyond it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from generator.config.model import ClusterConfig

FILE = "generator/config/schema.json"


def schema_text() -> str:
    """The schema as JSON text; the same bytes for the same model."""
    schema = msgspec.json.schema(ClusterConfig)
    for section in schema["$defs"].values():
        section["properties"] = {key: _or_empty(field) for key, field in section["properties"].items()}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Holdfast cluster configuration"}
    return json.dumps({**dialect, **schema}, indent=2) + "\n"


def _or_empty(field: dict[str, Any]) -> dict[str, Any]:
    """The field as the reader takes it: a section, and a list or mapping that is empty by default, may be empty."""
    if "$ref" in field:
        return {"anyOf": [{"$ref": field["$ref"]}, {"type": "null"}], **{k: v for k, v in field.items() if k != "$ref"}}
    if field.get("type") in ("array", "object") and not field.get("default", True):
        return {**field, "type": [field["type"], "null"]}
    return field
