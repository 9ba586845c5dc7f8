"""Tells what happens in a cluster while somebody follows its stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from coordination.outcomes import NoTable, Reading, Unknown
from coordination.report.rendering import plain
from deployment.refusal import Refusal
from deployment.status.differ import News, Watched, news
from deployment.status.gather import Sources

_PAUSE_SECONDS = 5.0
_TABLE = "what happens in the cluster table is unknown"
_GROUPS = "what happens to instances is unknown"

Found = TypeVar("Found")


@dataclass
class ClusterNews:
    """Tells the changes of the table and of the groups. What cannot be read is told once, and ends nothing."""

    sources: Sources
    say: Callable[[str], None] = print
    _seen: Watched = field(default_factory=Watched)
    _told: set[str] = field(default_factory=set)
    _due: float = 0.0
    _is_cluster: bool = True

    def tell(self, seconds: float, *, last: bool = False) -> None:
        """Tell what is new, `seconds` after the beginning; at most every five seconds, or `last`."""
        if not self._is_cluster or (seconds < self._due and not last):
            return
        self._due = seconds + _PAUSE_SECONDS
        try:
            rows = self.sources.rows()
        except Refusal as refusal:
            # CloudFormation's events are there all the same.
            self._is_cluster = False
            self._line(seconds, News("UNKNOWN", str(refusal)))
            return
        # Before there is a table nothing can have happened in it.
        groups = self.sources.groups()
        found = Watched(
            None if isinstance(rows, NoTable) else self._known(seconds, _TABLE, rows),
            self._known(seconds, _GROUPS, groups),
        )
        for each in news(self._seen, found):
            self._line(seconds, each)
        self._seen = found.over(self._seen)

    def _known(self, seconds: float, what: str, reading: Reading[Found]) -> Found | None:
        if not isinstance(reading, Unknown):
            self._told.discard(what)
            return reading.value
        if what not in self._told:
            self._told.add(what)
            self._line(seconds, News("UNKNOWN", f"{what}: {reading.reason}"))
        return None

    def _line(self, seconds: float, each: News) -> None:
        self.say(f"{seconds:7.1f} s  {each.about:<28} {plain(each.text)}")
