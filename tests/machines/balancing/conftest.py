"""One balancer with its targets for each module."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.balancing.harness import Bed


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """The module's bed; nothing of it is left afterwards."""
    cloud_id = secrets.token_hex(3)
    bed = Bed(cloud_id, Path(tmp_path_factory.mktemp(cloud_id)))
    yield bed
    bed.close()


@pytest.fixture
def bed(whole: Bed) -> Bed:
    """The bed, with both targets healthy."""
    whole.settle()
    return whole
