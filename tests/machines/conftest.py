"""Tests that need root and Linux namespaces. Where these are missing, each is skipped with what is missing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from rehearsal.machines import needs

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything in this folder where machines cannot run."""
    mine = [item for item in items if HERE in item.path.parents]
    if not mine:
        return
    problems = needs.problems(Path(tempfile.gettempdir()))
    for item in mine:
        item.add_marker("machines")
        if problems:
            item.add_marker(pytest.mark.skip(reason=f"machines cannot run here: {'; '.join(problems)}"))
