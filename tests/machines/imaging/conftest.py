"""A root in which components are executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.imaging.chamber import Chamber, Fetched, fetched


@pytest.fixture(scope="session")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Fetched:
    return fetched(tmp_path_factory.mktemp("place"))


@pytest.fixture
def chamber(mirrored: Fetched, tmp_path: Path) -> Chamber:
    (tmp_path / "upper").mkdir()
    return mirrored.chamber(tmp_path / "upper")
