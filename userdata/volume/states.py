"""What has become of etcd's disk, as the unit that prepares it leaves it for the boot program; and what a node
remembers of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from userdata.host import files
from userdata.host.etcd_disk import DATA_FOLDER
from userdata.volume.decide import DiskRecord

UNIT = "holdfast-etcd-disk.service"
STATE_FILE = "/run/holdfast/etcd-disk.json"
"""Of this start of the machine only: in /run."""
RECORD_FILE = "/var/lib/holdfast/etcd-disk.json"


@dataclass(frozen=True)
class Mounted:
    """etcd's data folder is the root of this file system."""

    uuid: str


@dataclass(frozen=True)
class Missing:
    """No device has appeared; it is looked for again."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """There is a device, and nothing on it was changed."""

    reason: str


@dataclass(frozen=True)
class Broken:
    """It could not be formatted or mounted: a program failed at it."""

    reason: str


@dataclass(frozen=True)
class Untold:
    """Nobody has prepared it since the machine was started."""

    reason: str


Prepared: TypeAlias = Mounted | Missing | Refused | Broken
State: TypeAlias = Prepared | Untold
_KINDS: dict[str, type[Missing] | type[Refused] | type[Broken]] = {
    kind.__name__: kind for kind in (Missing, Refused, Broken)
}


class RecordError(ValueError):
    """What the node remembers of its disk cannot be understood."""


def store(root: Path, state: Prepared) -> None:
    """Leave the state for the boot program. Raises OSError."""
    said = {"state": type(state).__name__, **asdict(state)}
    files.write(root, {STATE_FILE: files.private(json.dumps(said))})


def read(root: Path) -> State:
    """The state of the machine whose files are below `root`. Only what is mounted now counts as mounted."""
    try:
        said = json.loads(_at(root, STATE_FILE).read_text(encoding="utf-8"))
        kind, rest = said["state"], {name: str(value) for name, value in said.items() if name != "state"}
        if kind == Mounted.__name__:
            mounted = Mounted(**rest)
            lost = Untold(f"{DATA_FOLDER} is not mounted any more")
            return mounted if os.path.ismount(_at(root, DATA_FOLDER)) else lost
        return _KINDS[kind](**rest)
    except FileNotFoundError:
        return Untold(f"{UNIT} has not said anything yet")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Untold(f"{STATE_FILE} cannot be understood: {type(error).__name__}")


def remember(root: Path, record: DiskRecord) -> None:
    """Store what the node has to remember. Raises OSError."""
    files.write(root, {RECORD_FILE: files.private(json.dumps(asdict(record)))})


def remembered(root: Path) -> DiskRecord | None:
    """What the node remembers; None where it never formatted a disk. Raises RecordError."""
    try:
        found = json.loads(_at(root, RECORD_FILE).read_text(encoding="utf-8"))
        uuid, formatted = found["uuid"], found["formatted"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{RECORD_FILE} cannot be understood: {type(error).__name__}") from error
    if not isinstance(uuid, str) or not isinstance(formatted, bool):
        raise RecordError(f"{RECORD_FILE} cannot be understood: its fields are of other kinds")
    return DiskRecord(uuid, formatted)


def _at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
