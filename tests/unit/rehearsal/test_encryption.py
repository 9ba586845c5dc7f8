"""The configuration that a rehearsal plays where the kernel cannot encrypt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import encryption

EXAMPLES = Path(__file__).parents[3] / "examples"


def understood(config: Path) -> dict[str, Any]:
    """What the generator reads in a configuration."""
    validate = [sys.executable, "-m", "generator", "--config", str(config), "--validate", "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(validate, capture_output=True, text=True, check=True).stdout)
    return found


@pytest.mark.parametrize("name", ["default.yaml", "minimal.yaml", "existing-network.yaml"])
def test_a_configuration_without_encryption_differs_in_nothing_else(name: str, tmp_path: Path) -> None:
    wanted = understood(EXAMPLES / name)
    assert wanted["network"].pop("encryption") == "wireguard"
    found = understood(encryption.without(EXAMPLES / name, tmp_path))
    assert found["network"].pop("encryption") == "none"
    assert found == wanted
