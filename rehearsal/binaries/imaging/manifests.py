"""What differs between the add-ons that an image has and those of a rehearsal whose network is Cilium.

Everything else that the leader installs is the image's, byte for byte; a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagebuilder.addons.manifests import text

LEFT_OUT = ("30-cluster-autoscaler.json",)
"""Manifests whose programs are not built here."""
_CAPABILITY, _NUMBER = "SYS_RESOURCE", 24
"""What root of this computer may lack, where that is a container itself; its number is capability.h's."""


def adapt(folder: Path) -> None:
    """Change the manifests in an image's folder to what runs on this computer. OSError."""
    for name in LEFT_OUT:
        (folder / name).unlink()
    if not has_capability():
        for path in sorted(folder.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(text(without_capability(document, _CAPABILITY)), encoding="utf-8")


def without_capability(value: Any, capability: str) -> Any:
    """A manifest in which no container asks for a capability."""
    if isinstance(value, dict):
        return {
            key: [each for each in found if each != capability]
            if key == "add" and isinstance(found, list)
            else without_capability(found, capability)
            for key, found in value.items()
        }
    return [without_capability(each, capability) for each in value] if isinstance(value, list) else value


def has_capability() -> bool:
    """Whether containers can get the capability that root of this computer may lack."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    bounding = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> _NUMBER & 1)
