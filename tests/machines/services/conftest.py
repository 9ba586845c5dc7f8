"""A local AWS with networks, the metadata service, and the way into AWS from inside; one for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machines.claims import claimed_cloud
from tests.machines.services.harness import ServicesHarness


@pytest.fixture(scope="module")
def harness(request: pytest.FixtureRequest) -> Iterator[ServicesHarness]:
    """The module's harness, SPEED times as fast as real time if the module says so."""
    with claimed_cloud() as cloud_id:
        harness = ServicesHarness(cloud_id, getattr(request.module, "SPEED", 1.0))
        yield harness
        harness.close()
