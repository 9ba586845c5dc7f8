"""Trying again what may come right by itself: decided by outcomes, whose reasons are only shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from coordination.outcomes import Done, NoOp
from userdata.boot.context import jittered
from userdata.boot.failures import StepFailed
from userdata.boot.stages import RunningStage
from userdata.faults.fault import unsorted
from userdata.faults.outcomes import Failure, of_outcome

LONGEST_PAUSE_SECONDS = 300.0
"""Of tries without end: hundreds of nodes that are throttled together would keep each other throttled."""

Attempt: TypeAlias = Callable[[], Done | NoOp | Failure]


def until_done(
    attempt: Attempt, tries: int, pause_seconds: float, told: RunningStage, sleep: Callable[[float], object]
) -> None:
    """Try so often. Raises StepFailed with the fault of the last try."""
    fault = unsorted("")
    for _ in range(tries):
        outcome = attempt()
        if isinstance(outcome, Done | NoOp):
            return
        fault = of_outcome(outcome)
        told.wait(outcome.reason)
        sleep(jittered(pause_seconds))
    raise StepFailed(fault)


def until_told(attempt: Attempt, pause_seconds: float, told: RunningStage, sleep: Callable[[float], object]) -> None:
    """Try for as long as it takes, ever more rarely."""
    while not isinstance(outcome := attempt(), Done | NoOp):
        told.wait(outcome.reason)
        sleep(jittered(pause_seconds))
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)


def wait_unless_permanent(
    failed: Failure, pause_seconds: float, say: Callable[[str], object], sleep: Callable[[float], object]
) -> None:
    """Say why something is not done, and wait a moment, if trying again can help. Raises StepFailed where it cannot."""
    fault = of_outcome(failed)
    if fault.permanent:
        raise StepFailed(fault)
    say(fault.text)
    sleep(jittered(pause_seconds))
