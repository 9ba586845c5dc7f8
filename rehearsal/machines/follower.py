"""A thread that brings a part of a local cloud to what the local AWS holds, whenever one of its services was called."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from rehearsal.aws.server import LocalAws

LOG = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05
"""How long changes are collected: a deploy makes dozens of calls in a row."""


class Follower:
    """Calls `act` after calls to `services`, once for those that come together.

    With `retry_seconds` it is called again so long after it has failed. `tick` says, before each wait, after how many
    seconds to call it without a change; None for never. `name` is the thread's, and stands in the log.
    """

    def __init__(
        self,
        aws: LocalAws,
        services: Collection[str],
        act: Callable[[], object],
        name: str,
        *,
        retry_seconds: float | None = None,
        tick: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._aws = aws
        self._services = services
        self._act = act
        self._retry_seconds = retry_seconds
        self._tick = tick
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)

    def start(self, *, acts_at_once: bool = True) -> None:
        """Follow from now on, and call `act` at once if so asked."""
        self._aws.observe(self._observe)
        if acts_at_once:
            self._changed.set()
        self._thread.start()

    def stop(self) -> None:
        """Wait for what is under way, and call nothing any more. Safe to call twice, and before the start."""
        self._stopped.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _observe(self, service: str) -> None:
        if service in self._services:
            self._changed.set()

    def _follow(self) -> None:
        while True:
            self._changed.wait(self._tick())
            if self._stopped.is_set():
                return
            self._changed.clear()
            try:
                self._act()
            except Exception:
                LOG.exception("%s: what the local AWS holds could not be followed", self._thread.name)
                if self._retry_seconds is not None:
                    self._stopped.wait(self._retry_seconds)
                    self._changed.set()
            self._stopped.wait(PAUSE_SECONDS)
