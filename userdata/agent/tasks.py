"""What a task of the agent is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """Something that is done again and again.

    `run` returns a sentence about what it did, and nothing where there was nothing to do. It raises
    `userdata.logs.lines.StageFailed` with a sentence where it could not.
    """

    name: str
    period_seconds: float
    run: Callable[[], str]
    leader_only: bool
    """Whether only one agent of the cluster may do it at a time."""
    urgent: bool = False
    """Whether it keeps its period while it fails, too, since somebody waits for it."""
