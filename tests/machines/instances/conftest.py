"""One harness for each module; nothing of it is left behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines import leftovers
from tests.machines.instances.harness import InstanceHarness


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceHarness]:
    """A local EC2 with a hypervisor."""
    cloud_id = secrets.token_hex(3)
    harness = InstanceHarness(cloud_id, Path(tmp_path_factory.mktemp(cloud_id)))
    yield harness
    harness.close()
    assert not leftovers.find(cloud_id), leftovers.find(cloud_id)
