"""What is on a block device, by the device itself: its first and last bytes, and every signature that wipefs knows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from userdata.host.commands import Run
from userdata.volume.decide import LABEL, Blank, Foreign, Ours, Unclear, Unmarked

_EDGE_BYTES = 1 << 20
"""File systems, partition tables, LVM and LUKS begin within the first MiB; the copies of GPT, and of RAID, end with the
device. Cheap to read, where a whole volume is not."""
_SECONDS = 30
_LONGEST = 64
_COLUMNS = "OFFSET,TYPE,USAGE,UUID,LABEL"

Content = Blank | Unmarked | Ours | Foreign | Unclear


def content(node: Path, run: Run) -> Content:
    """What a device holds. Whatever keeps that from being known is Unclear, and never Blank.

    Not blkid: it ends with the same status for a device without a signature as for one that it cannot read (blkid(8)).
    """
    try:
        is_zero = _edges_are_zero(node)
    except OSError as error:
        return Unclear(f"{node.name} cannot be read: {error.strerror}")
    done = run(("wipefs", "--no-act", "--json", "--output", _COLUMNS, str(node)), _SECONDS)
    if not done.succeeded:
        return Unclear(f"{node.name} cannot be looked at: {_last_line(done.output)}")
    try:
        signatures = _signatures(done.output)
    except ValueError:
        return Unclear(f"what wipefs says of {node.name} cannot be understood: {_last_line(done.output)}")
    if not signatures:
        return Blank() if is_zero else Unmarked()
    first = signatures[0]
    if len(signatures) == 1 and first.get("type") == "xfs" and first.get("label") == LABEL and first.get("uuid"):
        return Ours(str(first["uuid"]))
    return Foreign(" and ".join(dict.fromkeys(_named(each) for each in signatures)))


def _signatures(output: str) -> Sequence[Mapping[str, Any]]:
    """Those that wipefs lists: it prints nothing where there are none. Raises ValueError."""
    if not output.strip():
        return ()
    found = json.loads(output)
    listed = found.get("signatures") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ValueError("no list of signatures")
    return listed


def _edges_are_zero(node: Path) -> bool:
    """Whether its first and last MiB read as zeros. OSError."""
    descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size == 0:
            raise OSError(0, "it has no size")
        edges = (0, max(0, size - _EDGE_BYTES))
        return not any(any(os.pread(descriptor, _EDGE_BYTES, at)) for at in edges)
    finally:
        os.close(descriptor)


def _named(signature: Mapping[str, Any]) -> str:
    """A signature for people. The label is somebody's text, and a console shows it."""
    kind = str(signature.get("type") or "something")
    if signature.get("usage") == "partition-table":
        return f"a partition table ({kind})"
    label = "".join(each for each in str(signature.get("label") or "") if each.isprintable())[:_LONGEST]
    return f"{kind} labelled {label!r}" if label else kind


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it says nothing"
