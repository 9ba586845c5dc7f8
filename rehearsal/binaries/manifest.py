"""What is in a folder, so that a changed, missing or half-written file in it is noticed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FILE_FIELDS = 4


@dataclass(frozen=True)
class Manifest:
    """The folders, files and links below one folder, by their relative paths."""

    folders: tuple[str, ...]
    files: dict[str, tuple[int, int, int, str]]
    """Mode, size in bytes, time of change in nanoseconds, sha256."""
    links: dict[str, str]

    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(size for _, size, _, _ in self.files.values())

    def fault(self, root: Path, *, thorough: bool) -> str | None:
        """What is wrong in `root`, in one line; None when it is as it was.

        Sizes and times are compared, which takes milliseconds; a thorough check also reads every file.
        """
        for path in self.folders:
            if not (root / path).is_dir():
                return f"the folder {path} is missing"
        for path, target in self.links.items():
            if not (root / path).is_symlink() or os.readlink(root / path) != target:
                return f"the link {path} does not lead to {target}"
        for path, (mode, size, changed_ns, digest) in self.files.items():
            try:
                now = os.lstat(root / path)
            except OSError:
                return f"the file {path} is missing"
            if now.st_size != size:
                return f"the file {path} has {now.st_size} bytes, not {size}"
            if now.st_mtime_ns != changed_ns or stat.S_IMODE(now.st_mode) != mode or not stat.S_ISREG(now.st_mode):
                return f"the file {path} was changed"
            if thorough and sha256(root / path) != digest:
                return f"the file {path} has another content"
        return None

    def as_json(self) -> dict[str, object]:
        """For json.dumps."""
        return {"folders": list(self.folders), "files": self.files, "links": self.links}


def from_json(raw: object) -> Manifest:
    """The manifest that `as_json` gave. ValueError when it is none."""
    match raw:
        case {"folders": list(folders), "files": dict(files), "links": dict(links)}:
            if all(isinstance(each, list) and len(each) == _FILE_FIELDS for each in files.values()):
                return Manifest(tuple(folders), {path: tuple(each) for path, each in files.items()}, links)
    raise ValueError("no manifest")


def describe(root: Path) -> Manifest:
    """What is below `root` now. Raises OSError."""
    folders, files, links = [], {}, {}
    for path, entry in _walk(root, ""):
        if entry.is_symlink():
            links[path] = os.readlink(entry)
        elif entry.is_dir():
            folders.append(path)
        elif entry.is_file():
            now = entry.stat(follow_symlinks=False)
            files[path] = (stat.S_IMODE(now.st_mode), now.st_size, now.st_mtime_ns, sha256(Path(entry.path)))
    return Manifest(tuple(folders), files, links)


def sha256(path: Path) -> str:
    """A file's sha256, in hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _walk(root: Path, below: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(root / below) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            path = f"{below}/{entry.name}" if below else entry.name
            yield path, entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, path)
