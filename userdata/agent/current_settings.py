"""The cluster's settings as they are now: an update of the stack changes them, and rolls no node."""

from __future__ import annotations

import time
from collections.abc import Callable

from coordination.outcomes import Known, Unknown
from userdata.config.settings import ClusterSettings, InvalidSettings
from userdata.logs.lines import StageFailed

KEPT_SECONDS = 55.0
"""As old as settings may be for what nobody waits for: less than the minute in which such tasks look again."""


def current_settings(read: Callable[[], Known[ClusterSettings] | InvalidSettings | Unknown]) -> ClusterSettings:
    """Those that are read. Raises StageFailed."""
    found = read()
    if not isinstance(found, Known):
        raise StageFailed(found.reason if isinstance(found, Unknown) else "; ".join(found.problems))
    return found.value


class RecentSettings:
    """Settings that were read at most KEPT_SECONDS ago: one reading, which is several calls, for the tasks of a loop.

    `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        read: Callable[[], Known[ClusterSettings] | InvalidSettings | Unknown],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._kept: tuple[float, ClusterSettings] | None = None

    def __call__(self) -> ClusterSettings:
        """Those that are kept, or new ones. Raises StageFailed where they cannot be read: older ones are not told."""
        now = self._clock()
        if self._kept is None or now - self._kept[0] >= KEPT_SECONDS:
            self._kept = (now, current_settings(self._read))
        return self._kept[1]
