"""The encryption of pods' packets between nodes, as far as this computer's kernel has it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

WIREGUARD = "wireguard"
NONE = "none"


def kernel_has_wireguard() -> bool:
    """Whether a device of WireGuard can be made; tried in a network of its own, which ends with the trial."""
    command = ["unshare", "--net", "ip", "link", "add", "trial", "type", WIREGUARD]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def without(config: Path, folder: Path) -> Path:
    """A copy of a configuration below `folder` that differs in nothing but `network.encryption`, which is `none`.

    The configuration is one that the generator takes.
    """
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    changed = {**settings, "network": {**(settings.get("network") or {}), "encryption": NONE}}
    copy = folder / "without-encryption" / config.name
    copy.parent.mkdir()
    # YAML holds JSON.
    copy.write_text(json.dumps(changed, indent=2) + "\n", encoding="utf-8")
    return copy
