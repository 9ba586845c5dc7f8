"""A machine with a blank volume, of which nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.claims import claimed_cloud
from tests.machines.volumes.machine import SIZE, Machine, blank, flags


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with claimed_cloud() as cloud_id:
        made = Machine(tmp_path / "root", tmp_path / f"holdfast-{cloud_id}-sdb")
        made.root.mkdir()
        blank(made.file, SIZE)
        made.attach()
        yield made
        made.detach()
        if made.folder.exists():
            # Else nobody could remove the test's folder.
            flags(made.folder, 0)
