"""What to do with etcd's disk, as one pure function of what the device is and of what this node remembers of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

LABEL = "holdfastetcd"
"""Of the file systems that this program makes. XFS has room for 12 characters (mkfs.xfs(8))."""


@dataclass(frozen=True)
class Absent:
    """No device of this name is attached, or not yet."""

    reason: str


@dataclass(frozen=True)
class Blank:
    """No signature of anything, and nothing but zeros where signatures would be."""


@dataclass(frozen=True)
class Unmarked:
    """No signature of anything known, and yet it does not read as zeros."""


@dataclass(frozen=True)
class Ours:
    """Exactly one signature: an XFS with LABEL."""

    uuid: str


@dataclass(frozen=True)
class Foreign:
    """Anything else; `what` names kind and label, never content."""

    what: str


@dataclass(frozen=True)
class Unclear:
    """It could not be found out which device it is, or what is on it."""

    reason: str


Found: TypeAlias = Absent | Blank | Unmarked | Ours | Foreign | Unclear


@dataclass(frozen=True)
class DiskRecord:
    """What the node remembers of its disk, on the root volume: stored before the disk is formatted, and after.

    Root volume and disk are made and deleted with their instance (DeleteOnTermination), so neither outlives the other.
    """

    uuid: str
    """Of the file system; chosen before it is made."""
    formatted: bool
    """Whether it was made to the end. Until then it was never mounted, so it holds no data."""


@dataclass(frozen=True)
class Format:
    """Make the file system, then mount it. `again`: over what an interrupted run of this node has left."""

    again: bool = False


@dataclass(frozen=True)
class Mount:
    """Mount it as it is."""

    uuid: str


@dataclass(frozen=True)
class AwaitDevice:
    """Look again: the device may still be attached."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """Neither format nor mount it."""

    reason: str


Step: TypeAlias = Format | Mount | AwaitDevice | Refuse


def decide(found: Found, record: DiskRecord | None) -> Step:
    """What to do. Only a blank device is formatted, or what this node's own interrupted formatting has left."""
    begun = record is not None and not record.formatted
    match found:
        case Absent(reason):
            return AwaitDevice(reason)
        case Unclear(reason):
            return Refuse(reason)
        case Foreign(what):
            return Refuse(f"it holds {what}, which is not this node's")
        case Blank():
            # Also where there is a record: whatever was on the former disk is on this one no more.
            return Format(again=begun)
        case Unmarked():
            if begun:
                return Format(again=True)
            # A new EBS volume reads as zeros, so somebody has written here: raw data, a format that nobody knows, or
            # an encrypted disk whose header lies elsewhere.
            return Refuse("it holds data of no known format, and a new volume would read as zeros")
        case Ours(uuid):
            return _ours(uuid, record)
        case _:
            assert_never(found)


def _ours(uuid: str, record: DiskRecord | None) -> Step:
    if record is None:
        # Of another instance, as a volume that was attached by hand: the data's owner is judged like all etcd data
        # (userdata.host.etcd_disk), and without the file that names one it is nobody's and never started.
        return Mount(uuid)
    if record.uuid != uuid:
        # That file is beside the record on the root volume, and would name this node as the owner of others' data.
        return Refuse(f"it is another node's etcd disk ({uuid}); this node's is {record.uuid}")
    # Made by this node and not to the end, for all that is known: it was never mounted.
    return Mount(uuid) if record.formatted else Format(again=True)
