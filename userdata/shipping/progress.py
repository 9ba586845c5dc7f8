"""How far a node's logs are shipped: a file that the shipping program writes and `holdfast-node status` reads. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PROGRESS_FILE = "/run/holdfast/logs.json"
PROGRESS_SECONDS = 5.0
"""How often the file is written."""
SILENT_SECONDS = 60.0
"""A file that is older was left by a program that does not run any more."""
BEHIND_SECONDS = 300.0
"""A log that has been behind for longer needs somebody: a burst is shipped within seconds."""


@dataclass(frozen=True)
class LogProgress:
    """One log."""

    name: str
    caught_up_at: float
    """What was written before is shipped; in seconds since 1970."""
    lost: int
    """Lines that the service did not take, since the program started."""
    gaps: int
    """How often lines were gone before they were read, since the program started."""
    reason: str
    """Why it cannot be read or sent, empty where it can."""


@dataclass(frozen=True)
class Progress:
    """All logs of a node, in seconds since 1970."""

    at: float
    logs: tuple[LogProgress, ...]


def document(progress: Progress) -> str:
    """The file's text."""
    return json.dumps({"at": progress.at, "logs": [vars(each) for each in progress.logs]}) + "\n"


def parse(text: str) -> Progress:
    """What a file with this text says. Raises ValueError."""
    try:
        found: Any = json.loads(text)
        return Progress(float(found["at"]), tuple(_log(each) for each in found["logs"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{PROGRESS_FILE}: {type(error).__name__} {error}") from error


def behind(progress: Progress, now: float) -> Sequence[str]:
    """What of it needs attention, a sentence each."""
    if now - progress.at > SILENT_SECONDS:
        return ("nothing ships this node's logs: look at holdfast-logs.service",)
    late = [each for each in progress.logs if now - each.caught_up_at > BEHIND_SECONDS]
    return [f"the log {each.name} is not shipped: {each.reason or 'more is written than is taken'}" for each in late]


def _log(found: Any) -> LogProgress:
    return LogProgress(
        str(found["name"]),
        float(found["caught_up_at"]),
        int(found["lost"]),
        int(found["gaps"]),
        str(found["reason"]),
    )
