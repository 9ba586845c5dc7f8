"""A function's credentials: a session of its role, as Lambda takes one for the environments of a function."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from rehearsal.aws.clock import Clock
from rehearsal.aws.sessions import Session, Sessions

LIFETIME_SECONDS = 12 * 3600
"""How long a session lasts. Lambda says only that it renews in time; a new one starts a new environment."""


class Credentials:
    """The sessions of all functions, one for each function and role at a time."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._lock = threading.Lock()
        self._current: dict[tuple[str, str], Session] = {}

    def of(self, function: Any) -> Session:
        """The session of moto's function; a new one when half of its time has passed, or for another role."""
        key = (str(function.function_arn), str(function.role))
        latest_end = self._clock.now() + timedelta(seconds=LIFETIME_SECONDS / 2)
        with self._lock:
            session = self._current.get(key)
            if session is None or session.expires_at < latest_end:
                session = self._sessions.issue(function.role, function.function_name, LIFETIME_SECONDS)
                self._current[key] = session
        return session
