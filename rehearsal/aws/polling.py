"""Looking again and again at what goes on elsewhere in the local AWS, until it is over or the local AWS stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.2
"""Between two looks, in real time, however fast the clock runs."""
_Found = TypeVar("_Found")


def last_look(
    stopping: threading.Event,
    look: Callable[[], _Found],
    over: Callable[[_Found], bool],
    late: Callable[[], bool] = lambda: False,
) -> _Found:
    """What the last look found: something that is `over`, or whatever there was when it was late or all stopped.

    `stopping` is LocalAws.stopping: what waits beside requests lets a stop end it.
    """
    while True:
        found = look()
        if over(found) or late() or stopping.wait(POLL_SECONDS):
            return found
