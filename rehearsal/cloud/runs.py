"""Where running local clouds keep their files, and how those who want something of one find it."""

from __future__ import annotations

from pathlib import Path

from rehearsal.binaries.store import cache_folder
from rehearsal.cloud.control import Control, Refused
from rehearsal.machines import local_clouds

_ENDPOINT_FILE = "endpoint"


def folder() -> Path:
    """The folder of all runs: beside the images, for instances get hard links to their image's files."""
    return cache_folder() / "runs"


def publish(run_dir: Path, endpoint: str) -> None:
    """Let others find the local cloud whose files are in `run_dir`."""
    (run_dir / _ENDPOINT_FILE).write_text(endpoint, encoding="utf-8")


def running(instance_id: str = "") -> Control:
    """The local cloud that has an instance, or the only one that runs. Raises Refused when that is not one."""
    found = {
        record.cloud_id: file.read_text(encoding="utf-8")
        for record in local_clouds.records()
        if record.alive and (file := Path(record.run_dir, _ENDPOINT_FILE)).is_file()
    }
    if not found:
        raise Refused("no local cloud runs: make rehearse KEEP=1 leaves one running")
    if len(found) > 1:
        found = {cloud_id: endpoint for cloud_id, endpoint in found.items() if Control(endpoint).has(instance_id)}
    if len(found) != 1:
        raise Refused(f"no local cloud that runs has {instance_id}")
    return Control(next(iter(found.values())))
