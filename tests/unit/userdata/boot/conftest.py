"""Whole boots: their world, in which the API server takes every right that it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordination.outcomes import Done
from tests.unit.userdata.boot.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    # What a real API server makes of the rights is in tests/integration/node/test_kube.py.
    monkeypatch.setattr("userdata.kube.rights.install", lambda administrator: Done())
    return World(tmp_path)


@pytest.fixture
def joiner(world: World) -> World:
    """The world of a fresh node beside a cluster that serves."""
    world.other_founds()
    return world
