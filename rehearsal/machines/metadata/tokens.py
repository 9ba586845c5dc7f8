"""The session tokens of IMDSv2: whoever asks for metadata first asks, by PUT, for one of these."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable

LONGEST_SECONDS = 21_600
"""Six hours (EC2 user guide, "How Instance Metadata Service Version 2 works")."""
_TTL = re.compile(r"[0-9]{1,5}")


class BadTtl(ValueError):
    """A lifetime that the service does not grant."""


class Tokens:
    """The tokens that were given and have not ended. `now` is a clock in seconds that never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._granted: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def grant(self, instance_id: str, ttl: str | None) -> str:
        """A token that is good on this instance alone, for `ttl` seconds as a header holds them. Raises BadTtl."""
        if ttl is None or not _TTL.fullmatch(ttl) or not 1 <= int(ttl) <= LONGEST_SECONDS:
            raise BadTtl(f"the token's lifetime is {ttl}; allowed: 1 to {LONGEST_SECONDS} seconds")
        token = secrets.token_urlsafe(42)
        now = self._now()
        with self._lock:
            self._granted = {known: grant for known, grant in self._granted.items() if grant[1] > now}
            self._granted[token] = (instance_id, now + int(ttl))
        return token

    def holds(self, instance_id: str, token: str) -> bool:
        """Whether a token was given to this instance and has not ended."""
        with self._lock:
            owner, ends = self._granted.get(token, ("", 0.0))
        return owner == instance_id and ends > self._now()
