"""Finds the block device that EC2 has attached by a given name: by what the device itself says, never by its number."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from userdata.volume import nvme
from userdata.volume.decide import Absent, Unclear

EBS_MODEL = "Amazon Elastic Block Store"
"""Of the NVMe devices that are EBS volumes. Instance store says "Amazon EC2 NVMe Instance Storage": it is lost with a
stop, and never taken (EC2 guide, "Instance store volumes"; 70-ec2-nvme-devices.rules of amazon-ec2-utils)."""


@dataclass(frozen=True)
class Attached:
    """A whole disk; `node` is its file in /dev, not a link to it."""

    node: Path


def find(root: Path, name: str, named: Callable[[Path], str] = nvme.device_name) -> Attached | Absent | Unclear:
    """The device that is attached as `name`, such as /dev/sdb, of the machine whose /dev and /sys are below `root`.

    `named` asks an NVMe device for its EC2 name; it raises OSError.
    """
    matching: list[Path] = []
    unasked: list[str] = []
    for block in sorted((root / "sys/block").glob("nvme*n*")):
        node = root / "dev" / block.name
        # In a container's /sys there are also devices that its /dev does not have: those of the computer around it.
        if _model(block) != EBS_MODEL or not node.exists():
            continue
        try:
            if _letters(named(node)) == _letters(name):
                matching.append(node)
        except OSError as error:
            unasked.append(f"{block.name}: {error.strerror}")
    matching += [node for node in _by_name(root, name) if node not in matching]
    if len(matching) > 1:
        return Unclear(f"several devices are {name}: {', '.join(node.name for node in matching)}")
    if matching:
        return Attached(matching[0])
    if unasked:
        return Unclear(f"which volumes are attached could not be found out ({'; '.join(unasked)})")
    return Absent(f"no volume is attached as {name}")


def _model(block: Path) -> str:
    try:
        return (block / "device/model").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _letters(name: str) -> str:
    """What is the same however a name is written: /dev/sdb, sdb and xvdb are one (EC2 guide, "Device names")."""
    bare = name.removeprefix("/dev/")
    return bare.removeprefix("xvd") if bare.startswith("xvd") else bare.removeprefix("sd")


def _by_name(root: Path, name: str) -> list[Path]:
    """Where there is no NVMe: Xen's driver names a disk itself, as sdb or xvdb, and udev links the other name to it.

    What such a link calls an NVMe device is not believed: that was asked itself.
    """
    found: list[Path] = []
    for prefix in ("xvd", "sd"):
        try:
            node = (root / "dev" / f"{prefix}{_letters(name)}").resolve(strict=True)
            is_disk = stat.S_ISBLK(node.stat().st_mode)
        except OSError:
            continue
        is_part = (root / "sys/class/block" / node.name / "partition").exists()
        if is_disk and not is_part and not node.name.startswith("nvme") and node not in found:
            found.append(node)
    return found
