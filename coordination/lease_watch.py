"""Judging a lease by watching it: whether its owner stood still for as long as a lease lasts, by one's own clock.

No wall clock and no other machine's clock takes part. Counters never go back, so a value that is the same in two reads
was the same all the time between them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class LeaseWatch:
    """`seen` was stored at every moment from `since` to `until` (seconds of the observer's monotonic clock)."""

    seen: Hashable
    since: float
    until: float

    def is_still(self, lease_seconds: float) -> bool:
        """Whether it was unchanged for a whole lease."""
        return self.until - self.since >= lease_seconds


def observe(before: LeaseWatch | None, seen: Hashable, began: float, ended: float) -> LeaseWatch:
    """The observation after a consistent read that began and ended at these moments and found `seen`.

    What a read finds was stored at some moment between its beginning and its end. So a watch starts when its first
    read has ended, and reaches to where its last read began.
    """
    if before is not None and before.seen == seen:
        return LeaseWatch(seen, before.since, max(before.until, began))
    return LeaseWatch(seen, ended, ended)
