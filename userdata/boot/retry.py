"""Trying again what may come right by itself."""

from __future__ import annotations

from collections.abc import Callable

from coordination.outcomes import Unknown
from userdata.boot.context import jittered
from userdata.boot.failures import of_words
from userdata.boot.stages import RunningStage

LONGEST_PAUSE_SECONDS = 300.0
"""Of tries without end: hundreds of nodes that are throttled together would keep each other throttled."""


def until_done(
    attempt: Callable[[], str], tries: int, pause_seconds: float, told: RunningStage, sleep: Callable[[float], object]
) -> None:
    """Try so often. `attempt` says why it is not done, nothing once it is. Raises StepFailed with the last reason."""
    reason = ""
    for _ in range(tries):
        reason = attempt()
        if not reason:
            return
        told.wait(reason)
        sleep(jittered(pause_seconds))
    raise of_words(reason)


def until_told(
    attempt: Callable[[], str], pause_seconds: float, told: RunningStage, sleep: Callable[[float], object]
) -> None:
    """Try for as long as it takes, ever more rarely. `attempt` says why somebody is not told, nothing once they are."""
    while reason := attempt():
        told.wait(reason)
        sleep(jittered(pause_seconds))
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)


def wait_unless_permanent(
    reason: str, pause_seconds: float, say: Callable[[str], object], sleep: Callable[[float], object]
) -> None:
    """Say why something is not done, and wait a moment, if trying again can help. Raises StepFailed where it cannot."""
    failed = of_words(reason)
    if failed.permanent:
        raise failed
    say(str(failed))
    sleep(jittered(pause_seconds))


def doubt(outcome: object) -> str:
    """Why it is unknown whether something was done; empty where that is known."""
    return outcome.reason if isinstance(outcome, Unknown) else ""
