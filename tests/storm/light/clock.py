"""A faster clock for programs under test: installed in a process before it imports them.

Every time that Python code reads (`time.time`, `time.monotonic`) and every time that it waits (`time.sleep`,
`threading.Event.wait`) runs SPEED times as fast. `real` is this computer's own monotonic clock, which all processes
share: traces are told by it. Sockets and other programs know nothing of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SPEED = 4.0
"""Seconds of a program in one real second. An agent's last look at etcd and its call have to fit into CALL_SECONDS of
these, on a computer that has other things to do: what can be made shorter instead, `pace` makes shorter."""

real: Callable[[], float] = time.monotonic
_sleep = time.sleep
_wait = threading.Event.wait


def real_moment(moment: float) -> float:
    """The real time of a moment that a program has read from its own monotonic clock."""
    return moment / SPEED


def sleep_really(seconds: float) -> None:
    """Wait for so many real seconds."""
    _sleep(max(0.0, seconds))


def install(wall: float, at: float) -> None:
    """Install it in this process: at the real moment `at` it was `wall` (seconds since 1970) on every such clock."""

    def fast_wall() -> float:
        return wall + (real() - at) * SPEED

    def fast_monotonic() -> float:
        return real() * SPEED

    def fast_sleep(seconds: float) -> None:
        _sleep(seconds / SPEED)

    def fast_wait(self: threading.Event, timeout: float | None = None) -> bool:
        return _wait(self, None if timeout is None else timeout / SPEED)

    time.time = fast_wall
    time.monotonic = fast_monotonic
    time.sleep = fast_sleep  # type: ignore[assignment]
    threading.Event.wait = fast_wait  # type: ignore[method-assign]
