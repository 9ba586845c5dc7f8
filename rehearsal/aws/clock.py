"""The local AWS's clock: real time, or real time sped up, so that an hour's time-out can be rehearsed in a minute.

Every time-out, heartbeat, schedule and signal deadline is counted on it. With speed 60 a real second is a minute here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

LOG = logging.getLogger(__name__)


class Clock:
    """Time that runs `speed` times as fast as real time from the moment the clock is made."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}; allowed: a number greater than 0")
        self.speed = speed
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._jumps: list[tuple[datetime, timedelta]] = []
        self._timers: set[threading.Timer] = set()
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Seconds since the clock was made; never goes back."""
        return (time.monotonic() - self._started) * self.speed

    def now(self) -> datetime:
        """The time of day here (UTC); ahead of real time when the clock is sped up."""
        return self._started_at + timedelta(seconds=self.monotonic()) + self._ahead(datetime.now(UTC))

    def jump(self, seconds: float) -> None:
        """Let so much time have passed at once, for what takes days. Timers that run do not notice."""
        self._jumps.append((datetime.now(UTC), timedelta(seconds=seconds)))

    def at(self, real: datetime) -> datetime:
        """What it was here at a real time: when moto, which knows no other clock, made something."""
        return self._started_at + (real - self._started_at) * self.speed + self._ahead(real)

    def _ahead(self, real: datetime) -> timedelta:
        return sum((passed for moment, passed in self._jumps if moment <= real), timedelta())

    def real_time(self, moment: datetime) -> datetime:
        """The real time at which it is `moment` here: what a machine's own clock shows then."""
        return self._started_at + (moment - self._ahead(datetime.now(UTC)) - self._started_at) / self.speed

    def real_seconds(self, seconds: float) -> float:
        """How long `seconds` of this clock take in reality."""
        return max(0.0, seconds) / self.speed

    def sleep(self, seconds: float) -> None:
        """Wait `seconds` of this clock."""
        time.sleep(self.real_seconds(seconds))

    def timer(self, seconds: float, function: Callable[[], object]) -> Callable[[], None]:
        """Call `function` in a thread of its own after `seconds` of this clock. The result cancels it."""

        def run() -> None:
            with self._lock:
                self._timers.discard(timer)
            try:
                function()
            except Exception:
                LOG.exception("what a timer started has failed")

        timer = threading.Timer(self.real_seconds(seconds), run)
        timer.daemon = True
        with self._lock:
            self._timers.add(timer)
        timer.start()

        def cancel() -> None:
            timer.cancel()
            with self._lock:
                self._timers.discard(timer)

        return cancel

    def cancel_all(self) -> None:
        """Cancel every timer that has not gone off yet."""
        with self._lock:
            timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()
