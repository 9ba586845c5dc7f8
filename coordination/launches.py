"""How the launches of a group's instances go, as Auto Scaling tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_FAILURES = 3
"""After so many failures in a row the next launch is not expected to go better."""


@dataclass(frozen=True)
class LaunchFailure:
    """A launch that has come to nothing."""

    reason: str
    """Auto Scaling's words, for people."""
    no_room: bool
    """Whether there was no capacity for the instance, or a quota was used up: an instance that leaves makes room."""
    abandoned: bool = False
    """Whether an instance was launched, and its launch hook was abandoned or ran out."""


@dataclass(frozen=True)
class Launches:
    """The failures since the last launch that went well, the newest first; a launch under way says nothing yet."""

    failures: tuple[LaunchFailure, ...] = ()

    @property
    def last(self) -> LaunchFailure | None:
        """How the last launch failed; None where it did not."""
        return self.failures[0] if self.failures else None

    @property
    def is_loop(self) -> bool:
        """Whether launches fail again and again."""
        return len(self.failures) >= MOST_FAILURES


@dataclass(frozen=True)
class GroupActivities:
    """What the last scaling activities of a group tell."""

    launches: Launches = Launches()
    since: Mapping[str, int] = field(default_factory=dict)
    """When each instance began to be launched or terminated for which that has not ended, in seconds since 1970."""
