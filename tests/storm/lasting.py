"""Faults that last: each ends by itself after its time, or with all others."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Lasting:
    """What ends the faults of one world that last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._undo: dict[int, Callable[[], object]] = {}
        """What ends a fault, by its number; gone once it has ended."""
        self._number = 0

    def begun(self, seconds: float, undo: Callable[[], object]) -> None:
        """End a fault after so many real seconds, or when all end."""
        with self._lock:
            self._number += 1
            number = self._number
            self._undo[number] = undo

        def ended() -> None:
            with self._lock:
                found = self._undo.pop(number, None)
            if found is not None:
                found()

        timer = threading.Timer(seconds, ended)
        timer.daemon = True
        timer.start()

    def end(self) -> None:
        """End all that last, now."""
        with self._lock:
            undo = list(self._undo.values())
            self._undo.clear()
        for each in undo:
            each()
