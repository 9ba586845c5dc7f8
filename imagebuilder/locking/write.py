"""versions.json with what is locked: one line for each artefact's version, so that a change is read in a diff."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagebuilder.artefacts import Artefacts
from imagebuilder.locks import ARCHITECTURES, Checksum, Digests

_DEEPEST = 4
"""Objects that deep, and deeper ones, stand on one line."""


def write(path: Path, found: Artefacts) -> None:
    """Write what is locked of each artefact, and drop what is of none of them. OSError; half a file is never there."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    for fields in (*raw["files"].values(), *raw["images"].values()):
        fields["locked"] = {}
    for file in found.files:
        locked = raw["files"][file.name]["locked"].setdefault(file.version, dict.fromkeys(ARCHITECTURES))
        locked[file.architecture] = _checksum(file.locked)
    for image in found.images:
        raw["images"][image.name]["locked"][image.tag] = _digests(image.locked)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}", delete=False) as draft:
        draft.write(text(raw) + "\n")
    os.chmod(draft.name, path.stat().st_mode)
    Path(draft.name).replace(path)


def text(value: Any, depth: int = 0) -> str:
    """JSON as the file has it."""
    if not isinstance(value, dict) or not value or depth >= _DEEPEST or not _deep(value, depth):
        return json.dumps(value)
    inner = "  " * (depth + 1)
    lines = [f"{inner}{json.dumps(name)}: {text(each, depth + 1)}" for name, each in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"


def _deep(value: Mapping[str, Any], depth: int) -> bool:
    """Whether an object stands on several lines: what holds objects, and an artefact's own fields."""
    return depth < 2 or "locked" in value or any(isinstance(each, dict) for each in value.values())


def _checksum(found: Checksum | None) -> dict[str, Any] | None:
    return None if found is None else {"sha256": found.sha256, "bytes": found.size}


def _digests(found: Digests | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"index": found.index, **{each: _checksum(found.manifests[each]) for each in ARCHITECTURES}}
