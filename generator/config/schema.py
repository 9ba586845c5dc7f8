"""The configuration's JSON Schema: what an editor completes and underlines. The rules go beyond it."""

from __future__ import annotations

import json

import msgspec

from generator.config.model import ClusterConfig

FILE = "generator/config/schema.json"


def schema_text() -> str:
    """The schema as JSON text; the same bytes for the same model."""
    schema = msgspec.json.schema(ClusterConfig)
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Holdfast cluster configuration"}
    return json.dumps({**dialect, **schema}, indent=2) + "\n"
