"""One log on its way: read a chunk, send it, and only then count it as shipped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Protocol

from userdata.logs.events import Event, NotSent, Sent, first_batch, loss
from userdata.shipping.progress import LogProgress
from userdata.shipping.source import Chunk, Cursor, Source


class Sends(Protocol):
    """A log stream (userdata.logs.cloudwatch.LogStream)."""

    def send(self, batch: Sequence[Event]) -> Sent | NotSent:
        """Send what one request may hold."""


class Step(Enum):
    """What a step came to."""

    SHIPPED = auto()
    """There may be more."""
    CAUGHT_UP = auto()
    """All that was written is shipped."""
    STUCK = auto()
    """It could not be read or sent, and is tried again; `Shipment.progress` says why."""


class Shipment:
    """Ships `source` into `stream`. `keep` is told the cursor of what is shipped; it should not raise.

    It is sent again where the service's answer was lost, or where the program ends before the cursor is stored: a line
    may arrive twice, and is missing only where the stream says so.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        stream: Sends,
        keep: Callable[[Cursor], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._source = source
        self._stream = stream
        self._keep = keep
        self._clock = clock
        self._pending: deque[Event] = deque()
        self._cursor: Cursor | None = None
        self._caught_up_at = clock()
        self._lost = 0
        self._gaps = 0
        self._untold: list[str] = []
        self._reason = ""

    @property
    def progress(self) -> LogProgress:
        """How far it is."""
        return LogProgress(self._name, self._caught_up_at, self._lost, self._gaps, self._reason)

    def step(self) -> Step:
        """Read a chunk, unless one waits, and send it."""
        if self._cursor is None:
            looked_at = self._clock()
            try:
                chunk = self._source.read()
            except OSError as error:
                self._reason = f"it cannot be read: {error.strerror or error}"
                return Step.STUCK
            if chunk is None and not self._untold:
                self._caught_up_at, self._reason = looked_at, ""
                return Step.CAUGHT_UP
            if chunk is not None:
                self._take(chunk)
        return self._send()

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _take(self, chunk: Chunk) -> None:
        self._pending.extend(chunk.events)
        self._cursor = chunk.cursor
        self._gaps += len(chunk.losses)
        self._untold += chunk.losses

    def _send(self) -> Step:
        self._tell_losses()
        while self._pending:
            batch = first_batch(self._pending)
            outcome = self._stream.send(batch)
            if isinstance(outcome, NotSent):
                self._reason = outcome.reason
                return Step.STUCK
            for _ in batch:
                self._pending.popleft()
            if outcome.lost:
                self._lost += outcome.lost
                self._untold.append(f"{outcome.lost} lines are lost: CloudWatch Logs did not take them")
        self._reason = ""
        if self._cursor is not None:
            self._keep(self._cursor)
            self._cursor = None
        return Step.SHIPPED

    def _tell_losses(self) -> None:
        """Put what is lost before what comes next, each only once."""
        now = int(self._clock() * 1000)
        at = self._pending[0].timestamp if self._pending else now
        self._pending.extendleft(loss(at, each) for each in reversed(self._untold))
        self._untold.clear()
