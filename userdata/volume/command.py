"""The program of the unit that prepares etcd's disk."""

from __future__ import annotations

from pathlib import Path

from userdata.config import node_file
from userdata.logs.lines import Log
from userdata.volume.prepare import Preparation
from userdata.volume.states import Mounted


def etcd_disk(root: Path) -> int:
    """Prepare etcd's disk on a control plane; a worker has none. The exit code: 1 where it is not mounted.

    Raises NodeFileError, and OSError where the outcome cannot be stored.
    """
    if not node_file.read(root).is_control_plane:
        return 0
    return 0 if isinstance(Preparation(root).prepare(Log()), Mounted) else 1
