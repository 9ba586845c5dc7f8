"""The checker for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.binaries.failures import BuildFailed, Missing
from tests.storm import linearizable


@pytest.fixture(scope="session")
def porcupine() -> Path:
    """The checker's program. Without Go the test is skipped; where it cannot be built the test fails, with one line."""
    try:
        return linearizable.program()
    except Missing as missing:
        pytest.skip(f"no checker of histories here: {missing}")
    except BuildFailed as failed:
        pytest.fail(f"the checker of histories is not built: {failed}", pytrace=False)
