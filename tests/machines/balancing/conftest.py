"""One balancer with its targets for each module."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.balancing.harness import BalancerHarness


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BalancerHarness]:
    """The module's harness; nothing of it is left afterwards."""
    cloud_id = secrets.token_hex(3)
    harness = BalancerHarness(cloud_id, Path(tmp_path_factory.mktemp(cloud_id)))
    yield harness
    harness.close()


@pytest.fixture
def harness(whole: BalancerHarness) -> BalancerHarness:
    """The harness, with both targets healthy."""
    whole.settle()
    return whole
