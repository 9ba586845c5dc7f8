"""A local AWS with networks, the metadata service, and the way into AWS from inside; one for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machines.claims import claimed_cloud
from tests.machines.services.harness import Place


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The module's place, SPEED times as fast as real time if the module says so."""
    with claimed_cloud() as cloud_id:
        place = Place(cloud_id, getattr(request.module, "SPEED", 1.0))
        yield place
        place.close()
