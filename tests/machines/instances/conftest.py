"""One bed for each module; nothing of it is left behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines import leftovers
from tests.machines.instances.harness import Bed


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A local EC2 with a hypervisor."""
    cloud_id = secrets.token_hex(3)
    bed = Bed(cloud_id, Path(tmp_path_factory.mktemp(cloud_id)))
    yield bed
    bed.close()
    assert not leftovers.find(cloud_id), leftovers.find(cloud_id)
