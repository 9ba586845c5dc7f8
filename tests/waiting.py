"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
BUSY_SECONDS = 60.0
"""What may be waited for on a machine that has other things to do; only a failing test takes this long."""


def wait_for(look: Callable[[], T], what: str, seconds: float = BUSY_SECONDS, pause_seconds: float = 0.02) -> T:
    """Look until something is there (true) and return it; fail with what was waited for and what was seen last."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s; last seen: {found!r}"
        time.sleep(pause_seconds)
