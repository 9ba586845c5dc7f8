"""What a source of lines is to whoever ships them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from userdata.logs.events import Event

Cursor: TypeAlias = Mapping[str, Any]
"""Where a source goes on, as JSON; empty for one that was never read. Only the source understands it."""

LARGEST_CHUNK_BYTES = 512 * 1024
"""How much is read at once. While a chunk waits to be sent nothing more is read: files and journal are the buffer."""


@dataclass(frozen=True)
class Chunk:
    """What was read, and where to go on once it is sent."""

    events: tuple[Event, ...]
    """In the order of their times."""
    cursor: Cursor
    losses: tuple[str, ...] = ()
    """What is gone and was never read, a sentence each."""


class Source(Protocol):
    """Lines of one log."""

    def read(self) -> Chunk | None:
        """What comes next; None where nothing waits. Raises OSError, and then nothing was passed over."""

    def close(self) -> None:
        """Let go of what it holds."""
