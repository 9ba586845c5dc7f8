"""Writing files below a movable root: whole or not at all, and never readable to more people than in the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644
_OWNED = 0o400
_PRIVATE_FOLDER = 0o700
_PUBLIC_FOLDER = 0o755


@dataclass(frozen=True)
class File:
    """A file that is to be written. `content` is kept out of reprs, for it may be a key."""

    content: str = field(repr=False)
    mode: int = PUBLIC
    owner: int | None = None
    """The user and the group that it is given to; None leaves it root's."""


def private(content: str) -> File:
    """A file for root alone."""
    return File(content, PRIVATE)


def owned(content: str, user: int) -> File:
    """A file that its user alone reads and nobody but root changes."""
    return File(content, _OWNED, user)


def write(root: Path, files: Mapping[str, File]) -> None:
    """Write each file at its absolute path below `root`, in the order of `files`. Raises OSError.

    A folder that is missing is made, for root alone if only private files are written into it.
    """
    for path, file in files.items():
        target = root / path.lstrip("/")
        _make_folder(target.parent, _folder_mode(path, files))
        _replace(target, file)


def draft_of(target: Path) -> Path:
    """Where a file is written before it takes its place. A crash may leave it there."""
    return target.with_name(f".{target.name}.draft")


def _folder_mode(path: str, files: Mapping[str, File]) -> int:
    folder = f"{path.rpartition('/')[0]}/"
    within = [file for name, file in files.items() if name.startswith(folder)]
    return _PRIVATE_FOLDER if all(file.mode == PRIVATE for file in within) else _PUBLIC_FOLDER


def _make_folder(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent, _PUBLIC_FOLDER)
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        return
    # mkdir takes the umask off the mode.
    folder.chmod(mode)


def _replace(target: Path, file: File) -> None:
    """Write beside the target, for nobody else whatever the umask is, then rename: a crash leaves the old file."""
    draft = draft_of(target)
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(file.content)
            stream.flush()
            if file.owner is not None:
                os.fchown(stream.fileno(), file.owner, file.owner)
            os.fchmod(stream.fileno(), file.mode)
            os.fsync(stream.fileno())
        draft.rename(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """The rename itself reaches the disk only with its folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
