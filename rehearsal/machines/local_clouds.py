"""The local clouds that run on this computer: who owns each, and the kernel's settings that are raised while any runs.

A cloud's kernel objects carry its id; its record says whether its owner still lives. Records are below /run, so they
end when the computer does, as those objects do. Checkouts of different versions read each other's records: a change of
`site-<id>.json` or its fields would make the clouds of the others look dead.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REGISTRY = Path("/run/holdfast")
RAISED_SETTINGS = {
    # systemd, containerd and kubelet of seven instances use up the default of 128.
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 524288,
}
"""Limits that many instances on one kernel reach; a higher value of the computer stays."""
FIXED_SETTINGS = {
    # What a kubelet sets when it starts (pkg/kubelet/cm, setupKernelTunables), and cannot set inside an instance.
    "vm.overcommit_memory": 1,
    "vm.panic_on_oom": 0,
    "kernel.panic": 10,
    "kernel.panic_on_oops": 1,
}
"""Settings of the whole kernel that a kubelet wants exactly so. They are made here: an instance may not write them."""
RAISED_FOR_KUBELET = {"kernel.keys.root_maxkeys": 1_000_000, "kernel.keys.root_maxbytes": 25_000_000}
"""What a kubelet wants at least, from the same place."""


@dataclass(frozen=True)
class Record:
    """A local cloud and the process that owns it."""

    cloud_id: str
    pid: int
    started: int
    """When the process started, in clock ticks after the computer's: a number that a later process cannot have."""
    run_dir: str

    @property
    def alive(self) -> bool:
        """Whether the owner still runs."""
        return _started(self.pid) == self.started


def claim(cloud_id: str, run_dir: Path) -> None:
    """Make this process the owner of a local cloud; before anything of the cloud is made. Twice is fine."""
    with _locked():
        record = {"site_id": cloud_id, "pid": os.getpid(), "started": _started(os.getpid()) or 0}
        text = json.dumps(record | {"run_dir": str(run_dir.resolve())})
        _file(cloud_id).write_text(text, encoding="utf-8")
        _raise_settings()


def release(cloud_id: str) -> None:
    """Forget a local cloud, after everything of it is gone; the last one puts the kernel's settings back."""
    with _locked():
        _file(cloud_id).unlink(missing_ok=True)
        if not any(record.alive for record in _records()):
            _restore_settings()


def records() -> list[Record]:
    """Every local cloud that was claimed and not released, dead ones too."""
    with _locked():
        return _records()


def alive() -> set[str]:
    """The ids of the local clouds whose owners run."""
    return {record.cloud_id for record in records() if record.alive}


def settings() -> dict[str, int]:
    """The kernel's settings that are changed while a local cloud runs, as they are now."""
    return {name: _read(name) for name in RAISED_SETTINGS | RAISED_FOR_KUBELET | FIXED_SETTINGS}


def _records() -> list[Record]:
    found = []
    for file in sorted(REGISTRY.glob("site-*.json")):
        with contextlib.suppress(ValueError, TypeError, KeyError):  # Half-written by a process that was killed.
            stored = json.loads(file.read_text(encoding="utf-8"))
            found.append(Record(stored.pop("site_id"), **stored))
    return found


def _file(cloud_id: str) -> Path:
    return REGISTRY / f"site-{cloud_id}.json"


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    REGISTRY.mkdir(exist_ok=True)
    with (REGISTRY / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _started(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat (proc(5)), behind a program name that may hold spaces; None: no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    # A zombie owns nothing any more.
    return None if fields[0] == "Z" else int(fields[19])


def _raise_settings() -> None:
    before = _saved()
    wanted = {name: max(value, _read(name)) for name, value in (RAISED_SETTINGS | RAISED_FOR_KUBELET).items()}
    for name, value in (wanted | FIXED_SETTINGS).items():
        if _read(name) != value:
            before.setdefault(name, _read(name))
            # Saved first: a process that is killed in between leaves what is needed to put the setting back.
            (REGISTRY / "settings.json").write_text(json.dumps(before), encoding="utf-8")
            _path(name).write_text(str(value), encoding="ascii")


def _restore_settings() -> None:
    for name, value in _saved().items():
        _path(name).write_text(str(value), encoding="ascii")
    (REGISTRY / "settings.json").unlink(missing_ok=True)


def _saved() -> dict[str, int]:
    file = REGISTRY / "settings.json"
    saved: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return saved


def _read(name: str) -> int:
    return int(_path(name).read_text(encoding="ascii"))


def _path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))
