"""Sends events to CloudWatch Logs: `LogStream` a batch, `Mirror` a program's lines, never in the way of its work."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, code, unknown
from userdata.logs.events import Event, NotSent, Sent, first_batch, loss

_LARGEST_LINE_BYTES = 64 * 1024
"""Far below the service's limit, and far above what a stage says."""

_STREAM_IS_MISSING = "ResourceNotFoundException"
_STREAM_IS_THERE = "ResourceAlreadyExistsException"
_WILL_NEVER_BE_TAKEN = frozenset({"InvalidParameterException", "SerializationException", "ValidationException"})
MOST_REFUSALS = 40
"""So many refusals find one bad event among the 10,000 that a batch may hold, twice over."""


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


class LogStream:
    """The stream `stream` of `group`, through a client of CloudWatch Logs; made when it is first written to."""

    def __init__(self, client: Any, group: str, stream: str) -> None:
        self._client = client
        self._place = {"logGroupName": group, "logStreamName": stream}
        self._has_stream = False

    def send(self, batch: Sequence[Event]) -> Sent | NotSent:
        """Send what one request may hold (`events.first_batch`).

        A batch that is refused is halved: whoever can write one line that the service refuses is not to take others
        away with it. After MOST_REFUSALS the rest counts as lost.
        """
        parts, lost, refusals = [batch], 0, 0
        while parts:
            part = parts.pop()
            outcome = self._put(part)
            if isinstance(outcome, NotSent):
                return outcome
            if isinstance(outcome, Sent):
                lost += outcome.lost
                continue
            refusals += 1
            if len(part) == 1 or refusals > MOST_REFUSALS:
                lost += len(part)
            else:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
        return Sent(lost)

    def _put(self, batch: Sequence[Event]) -> Sent | NotSent | None:
        """None where the service refuses the batch for what is in it."""
        events = [{"timestamp": event.timestamp, "message": event.message} for event in batch]
        try:
            if not self._has_stream:
                self._make_stream()
            refused = self._client.put_log_events(**self._place, logEvents=events).get("rejectedLogEventsInfo", {})
        except AWS_ERRORS as error:
            if code(error) == _STREAM_IS_MISSING:
                self._has_stream = False
            return None if code(error) in _WILL_NEVER_BE_TAKEN else NotSent(unknown("PutLogEvents", error).reason)
        return Sent(_rejected(refused, len(events)))

    def _make_stream(self) -> None:
        try:
            self._client.create_log_stream(**self._place)
        except AWS_ERRORS as error:
            if code(error) != _STREAM_IS_THERE:
                raise
        self._has_stream = True


class Mirror:
    """Sends lines to the stream `stream` of `group`, through a client of CloudWatch Logs. Nothing of it raises.

    Lines wait in memory, and one thread sends them. While the service is down or refuses, the oldest are dropped and
    counted: they are in the node's own file, too.
    """

    def __init__(
        self,
        client: Any,
        group: str,
        stream: str,
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stream = LogStream(client, group, stream)
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._sending: list[Event] = []
        self._lost = 0
        self._told = 0
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
            outcome = self._stream.send(self._sending)
            if isinstance(outcome, NotSent):
                return False
            with self._lock:
                self._lost += outcome.lost
                self._sending = []

    def _next_batch(self) -> list[Event]:
        """Take a batch out of what waits; it begins with a line that says how many others were lost."""
        if self._waiting and self._lost > self._told:
            said = f"{self._lost - self._told} lines of this log are lost"
            self._told = self._lost
            self._waiting.appendleft(loss(self._waiting[0].timestamp, said))
        batch = first_batch(self._waiting)
        for _ in batch:
            self._waiting.popleft()
        return batch


def _rejected(info: Any, events: int) -> int:
    """How many events of a batch the service did not store, for they are too old or too new for it.

    The index of the last one that is too old is exclusive, that of the first one that is too new inclusive:
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_RejectedLogEventsInfo.html
    """
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    new = events - info["tooNewLogEventStartIndex"] if "tooNewLogEventStartIndex" in info else 0
    return int(old + new)
