"""A versions.json of which nothing is locked, and a web server that plays publishers and registries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagebuilder import versions
from imagebuilder.locking import http
from tests.unit.imagebuilder import publishers
from tests.unit.imagebuilder.publishers import Publishers


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0.001)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A versions.json of which nothing is locked."""
    path = tmp_path / "versions.json"
    raw = json.loads(versions.VERSIONS_FILE.read_text(encoding="utf-8"))
    for each in (*raw["files"].values(), *raw["images"].values()):
        each["locked"] = {}
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


@pytest.fixture
def published() -> Iterator[Publishers]:
    made = publishers.everything()
    with publishers.serving(made):
        yield made
