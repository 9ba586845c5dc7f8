"""Files, folders and links that are to be below a root: values first, then one function that writes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A text file."""

    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Folder:
    """A folder that is there even when nothing is in it."""

    mode: int = 0o755


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


Entry = File | Folder | Link


def write(root: Path, entries: Mapping[str, Entry]) -> None:
    """Write entries, by absolute path, below `root`. Writing twice is harmless. Raises OSError.

    Each file is written beside its place and moved there, so that a service never reads half of one.
    """
    for path, entry in sorted(entries.items()):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        match entry:
            case File(text, mode):
                draft = place.with_name(f".{place.name}.new")
                draft.write_text(text, encoding="utf-8")
                draft.chmod(mode)
                draft.replace(place)
            case Folder(mode):
                place.mkdir(exist_ok=True)
                place.chmod(mode)
            case Link(target):
                draft = place.with_name(f".{place.name}.new")
                draft.unlink(missing_ok=True)
                os.symlink(target, draft)
                draft.replace(place)
