"""An id for the kernel objects of a test, with an owner, so that nobody who cleans up takes them for leftovers."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal.machines import local_clouds


@contextmanager
def claimed_cloud() -> Iterator[str]:
    """A new local cloud's id, claimed by this process until the end of the block."""
    cloud_id = secrets.token_hex(3)
    with tempfile.TemporaryDirectory() as folder:
        local_clouds.claim(cloud_id, Path(folder))
        try:
            yield cloud_id
        finally:
            local_clouds.release(cloud_id)
