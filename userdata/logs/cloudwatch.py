"""Mirrors the lines of a log to CloudWatch Logs, beside the work and never in its way.

Lines wait in memory, and one thread sends them. While the service is down or refuses, the oldest are dropped and
counted: they are in the node's own file, too.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, code

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_LARGEST_BATCH_BYTES = 1_048_576
_EVENT_OVERHEAD_BYTES = 26
_MOST_EVENTS = 10_000
_LONGEST_SPAN_MILLISECONDS = 23 * 3600 * 1000
"""A batch that spans more than 24 hours is refused; clocks that were not synchronised jump."""
_LARGEST_LINE_BYTES = 64 * 1024
"""Far below the service's limit, and far above what a stage says."""

_STREAM_IS_MISSING = "ResourceNotFoundException"
_STREAM_IS_THERE = "ResourceAlreadyExistsException"
_WILL_NEVER_BE_TAKEN = frozenset({"InvalidParameterException", "SerializationException", "ValidationException"})


@dataclass(frozen=True)
class Event:
    """A line, and when it was written, in milliseconds since 1970."""

    timestamp: int
    message: str

    @property
    def size(self) -> int:
        """What it counts for in a batch, in bytes."""
        return len(self.message.encode()) + _EVENT_OVERHEAD_BYTES


@dataclass(frozen=True)
class Limits:
    """How much may wait, in lines, and the pauses between two tries, in seconds."""

    lines: int = 5000
    pause: float = 2
    longest_pause: float = 60
    """While nothing is taken the pauses grow up to this one."""
    last_pause: float = 0.2
    """Between tries while the mirror is being closed."""


def stream_name(role: str, instance_id: str) -> str:
    """The log stream of an instance."""
    return f"{role}/{instance_id}"


def first_batch(events: Sequence[Event]) -> list[Event]:
    """As many of the events, from the first one, as one request may hold: in the order of their times, at least one."""
    batch: list[Event] = []
    size = 0
    for event in events:
        size += event.size
        if batch and (
            size > _LARGEST_BATCH_BYTES
            or len(batch) == _MOST_EVENTS
            or event.timestamp < batch[-1].timestamp
            or event.timestamp - batch[0].timestamp > _LONGEST_SPAN_MILLISECONDS
        ):
            break
        batch.append(event)
    return batch


class Mirror:
    """Sends lines to the stream `stream` of `group`, through a client of CloudWatch Logs. Nothing of it raises."""

    def __init__(
        self,
        client: Any,
        group: str,
        stream: str,
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._place = {"logGroupName": group, "logStreamName": stream}
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._sending: list[Event] = []
        self._lost = 0
        self._told = 0
        self._has_stream = False
        self._closing = threading.Event()
        self._deadline = 0.0
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take a line; it is sent within seconds."""
        shortened = line.encode(errors="replace")[:_LARGEST_LINE_BYTES].decode(errors="ignore")
        with self._lock:
            if self._closing.is_set():
                self._lost += 1
                return
            # The service takes no empty line.
            self._waiting.append(Event(int(self._clock() * 1000), shortened or " "))
            if len(self._waiting) > self._limits.lines:
                self._waiting.popleft()
                self._lost += 1

    @property
    def dropped(self) -> int:
        """How many lines were lost so far."""
        with self._lock:
            return self._lost

    def close(self, seconds: float) -> int:
        """Take no more lines and send what waits, for at most so many seconds; how many lines were lost in all."""
        self._deadline = time.monotonic() + seconds
        self._closing.set()
        self._thread.join(seconds)
        with self._lock:
            # A thread that is still at work has lines of which nobody knows whether they arrived.
            return self._lost + len(self._waiting) + len(self._sending)

    def _run(self) -> None:
        pause = self._limits.pause
        while not self._closing.wait(pause):
            pause = self._limits.pause if self._flush() else min(pause * 2, self._limits.longest_pause)
        while not self._flush() and time.monotonic() < self._deadline:
            time.sleep(self._limits.last_pause)

    def _flush(self) -> bool:
        """Send everything that waits. False when something was not taken, and is to be sent again."""
        while True:
            with self._lock:
                if not self._sending:
                    self._sending = self._next_batch()
            if not self._sending:
                return True
            if not self._send():
                return False
            with self._lock:
                self._sending = []

    def _next_batch(self) -> list[Event]:
        """Take a batch out of what waits; it begins with a line that says how many others were lost."""
        if self._waiting and self._lost > self._told:
            said = {
                "stage": "logs",
                "outcome": "failed",
                "reason": f"{self._lost - self._told} lines of this log are lost",
            }
            self._told = self._lost
            self._waiting.appendleft(Event(self._waiting[0].timestamp, json.dumps(said)))
        batch = first_batch(self._waiting)
        for _ in batch:
            self._waiting.popleft()
        return batch

    def _send(self) -> bool:
        """Whether the batch is done with: sent, or never to be taken."""
        events = [{"timestamp": event.timestamp, "message": event.message} for event in self._sending]
        try:
            if not self._has_stream:
                self._make_stream()
            refused = self._client.put_log_events(**self._place, logEvents=events).get("rejectedLogEventsInfo", {})
        except AWS_ERRORS as error:
            if code(error) == _STREAM_IS_MISSING:
                self._has_stream = False
            if code(error) not in _WILL_NEVER_BE_TAKEN:
                return False
            self._lose(len(events))
            return True
        self._lose(_rejected(refused, len(events)))
        return True

    def _make_stream(self) -> None:
        try:
            self._client.create_log_stream(**self._place)
        except AWS_ERRORS as error:
            if code(error) != _STREAM_IS_THERE:
                raise
        self._has_stream = True

    def _lose(self, lines: int) -> None:
        with self._lock:
            self._lost += lines


def _rejected(info: Any, events: int) -> int:
    """How many events of a batch the service did not store, for they are too old or too new for it."""
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    new = events - info["tooNewLogEventStartIndex"] if "tooNewLogEventStartIndex" in info else 0
    return int(old + new)
