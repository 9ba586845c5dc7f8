"""Files of a log that its writer rotates: each is read once, to its end, whatever it is called meanwhile.

The API server renames its audit log to one with a time in its name and begins a new one; the kubelet does so with the
logs of containers, and packs and deletes older ones. So a file is known by its inode and by its first bytes (an inode
is used again), and how far it was read is kept for each file that is there: their order decides only what comes first.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from userdata.logs.events import whole_characters
from userdata.shipping.formats import ToLine, events
from userdata.shipping.source import LARGEST_CHUNK_BYTES, Chunk, Cursor

_PACKED = (".gz", ".tmp")
"""What the kubelet makes of files that it has rotated earlier."""
_HEAD_BYTES = 256
"""An audit event's id, and a container's time in nanoseconds, are within as many."""


@dataclass(frozen=True)
class Position:
    """How far a file was read: `head` is a digest of its first `head_bytes`."""

    offset: int
    head_bytes: int
    head: str


@dataclass(frozen=True)
class _Found:
    path: Path
    inode: int
    size: int


class RotatedFiles:
    """The files below `folder` that match `pattern`, the oldest first. Packed ones are left out: they are gone."""

    def __init__(
        self,
        folder: Path,
        pattern: str,
        to_line: ToLine,
        cursor: Cursor,
        clock: Callable[[], float] = time.time,
        largest_bytes: int = LARGEST_CHUNK_BYTES,
    ) -> None:
        self._folder = folder
        self._pattern = pattern
        self._to_line = to_line
        self._clock = clock
        self._largest_bytes = largest_bytes
        self._positions = positions(cursor)
        # How large each file was when it was last seen; of one from before this program started that is not known.
        self._sizes: dict[int, int] = {}
        # Files that end without the end of a line, and how large they were when that was seen.
        self._tails: dict[int, int] = {}
        self._losses: list[str] = []
        self._last_of_before = next(reversed(self._positions), None)

    def read(self) -> Chunk | None:
        """See Source.read."""
        found = self._look()
        if not self._positions.keys() | self._sizes.keys() <= {each.inode for each in found}:
            # Renamed after its folder was listed, it is seen under neither name; a file is renamed once.
            found = self._look()
        sizes, self._sizes = self._sizes, {each.inode: each.size for each in found}
        self._forget(sizes)
        for each in found:
            data = self._read(each, sizes.get(each.inode), newest=each is found[-1])
            if data:
                return self._chunk(data, found)
        return self._chunk(b"", found) if self._losses else None

    def close(self) -> None:
        """See Source.close. No file stays open between two looks."""

    def _look(self) -> list[_Found]:
        """What is there, by age. Where two were written last in the same tick the renamed one, with the longer name,
        is older."""
        try:
            # glob() takes a folder that may not be read for an empty one.
            os.listdir(self._folder)
        except FileNotFoundError:
            return []
        aged: list[tuple[int, int, str, _Found]] = []
        for path in self._folder.glob(self._pattern):
            if path.suffix in _PACKED:
                continue
            try:
                seen = path.lstat()
            except FileNotFoundError:
                # Renamed or deleted between the two looks; the next one sees which.
                continue
            if stat.S_ISREG(seen.st_mode):
                found = _Found(path, seen.st_ino, seen.st_size)
                aged.append((seen.st_mtime_ns, -len(path.name), str(path), found))
        return [each for *_, each in sorted(aged, key=lambda entry: entry[:3])]

    def _forget(self, sizes: Mapping[int, int]) -> None:
        """Let go of files that are gone, whose sizes the last look saw, and remember what of them was never read."""
        for inode in {*self._positions, *sizes} - self._sizes.keys():
            self._lose(inode, sizes.get(inode))

    def _lose(self, inode: int, size: int | None) -> None:
        """A file is gone that had this size; None where it was not seen since the program has started."""
        position = self._positions.pop(inode, None)
        self._tails.pop(inode, None)
        if size is not None:
            unread = size - (0 if position is None else position.offset)
            if unread > 0:
                self._losses.append(f"{unread} bytes are lost: their file was deleted before they were read")
        elif inode == self._last_of_before:
            self._losses.append("the file that was read last before a restart is gone, with whatever followed in it")

    def _read(self, found: _Found, size_before: int | None, *, newest: bool) -> bytes:
        """What is to be read of a file, which counts as read from now on. Raises OSError."""
        position = self._positions.get(found.inode)
        if position is not None and position.offset == found.size:
            return b""
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            # Renamed or deleted meanwhile, or replaced by a link, which no writer of a log does.
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return b""
            raise
        try:
            if os.fstat(descriptor).st_ino != found.inode:
                return b""
            if position is not None and not _is_same(descriptor, position):
                self._lose(found.inode, size_before)
                position = None
            offset = 0 if position is None else position.offset
            data = os.pread(descriptor, self._largest_bytes, offset)
            taken = self._complete(found.inode, data, offset, newest=newest)
            if taken:
                self._positions[found.inode] = _position(descriptor, offset + taken)
            return data[:taken]
        finally:
            os.close(descriptor)

    def _chunk(self, data: bytes, found: list[_Found]) -> Chunk:
        losses, self._losses = tuple(self._losses), []
        lines = [self._to_line(line) for line in data.split(b"\n") if line]
        kept = {each.inode: self._positions[each.inode] for each in found if each.inode in self._positions}
        # The newest file's position is the last one.
        cursor = {"files": [{"inode": inode, **vars(position)} for inode, position in kept.items()]}
        return Chunk(events(lines, int(self._clock() * 1000)), cursor, losses)

    def _complete(self, inode: int, data: bytes, offset: int, *, newest: bool) -> int:
        """How many of the bytes are whole lines; all that may be read of a line that is longer; or the rest of a file
        that nobody writes any more."""
        if end := data.rfind(b"\n") + 1:
            return end
        if len(data) == self._largest_bytes:
            return whole_characters(data, self._largest_bytes - 1)
        if not data or newest:
            return 0
        seen = self._tails.get(inode)
        self._tails[inode] = offset + len(data)
        return len(data) if seen == offset + len(data) else 0


def positions(cursor: Cursor) -> dict[int, Position]:
    """The positions that a cursor holds, the newest file's last. Raises ValueError where it holds none."""
    try:
        return {int(each["inode"]): _stored(each) for each in cursor.get("files", [])}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it holds no positions in files") from error


def _stored(found: Mapping[str, Any]) -> Position:
    return Position(int(found["offset"]), int(found["head_bytes"]), str(found["head"]))


def _position(descriptor: int, offset: int) -> Position:
    first = min(_HEAD_BYTES, offset)
    return Position(offset, first, _digest(descriptor, first))


def _is_same(descriptor: int, position: Position) -> bool:
    is_as_long = os.fstat(descriptor).st_size >= position.offset
    return is_as_long and _digest(descriptor, position.head_bytes) == position.head


def _digest(descriptor: int, count: int) -> str:
    return hashlib.sha256(os.pread(descriptor, count, 0)).hexdigest()
