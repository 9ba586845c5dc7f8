"""Runs tasks of the agent, one at a time, each with its own period; one that fails is tried ever more rarely.

The agent has several loops, each in a thread of its own, so that a task which takes minutes holds up no other loop's.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from userdata.agent.tasks import Task
from userdata.agent.watchdog import Heart, Pulse, Stopping
from userdata.logs.lines import Log, Outcome, Stage, StageFailed

TURN_SECONDS = 1.0
"""How soon a task runs once this node holds the agents' lease."""
JITTER = 0.1
"""The share of its period by which a task runs earlier or later, so that agents of several nodes drift apart."""
LONGEST_PAUSE_SECONDS = 300.0
"""How rarely a task that fails is tried, unless its period is longer, or it is urgent."""
REPEAT_SECONDS = 60.0
"""How often at most the same reason of a failure is told."""
GRACE_SECONDS = 0.5
"""How long a task may go on, and how long lettings go of leases may take, once the agent is told to end."""


class Leadership(Protocol):
    """`lease#agent`, which somebody else contends for and renews."""

    def held(self) -> bool:
        """Whether this node holds it now."""
        ...


@dataclass
class _Turn:
    """When a task runs next, on the steady clock, and how it went."""

    task: Task
    due: float
    failures: int = 0
    told: dict[str, float] = field(default_factory=dict)
    """When each reason of the failures in a row was told."""


class Loop:
    """`chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        tasks: Sequence[Task],
        leadership: Leadership,
        log: Log,
        pulse: Pulse,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._leadership = leadership
        self._log = log
        self._pulse = pulse
        self._chance = chance
        now = log.clocks.steady()
        # Not all at once, and soon: whoever starts an agent waits for what it does.
        self._turns = [_Turn(task, now + chance() * min(task.period_seconds, TURN_SECONDS)) for task in tasks]

    @property
    def name(self) -> str:
        """Tells it from the agent's other loops."""
        return self._pulse.name

    def run(self) -> None:
        """Run tasks until the agent is told to end. The watchdog is fed only by loops that move."""
        try:
            while not self._pulse.stopping:
                self._pulse.beat()
                self.step()
                self._pulse.rest(self._seconds_to_next())
        except BaseException as error:
            # No task's error comes so far. The other loops end with this one, and somebody has to say why.
            Stage(f"loop {self.name}", self._log).tell(Outcome.FAILED, type(error).__name__)
            raise

    def step(self) -> None:
        """Run every task that is due, once."""
        for turn in sorted(self._turns, key=lambda turn: turn.due):
            if self._pulse.stopping:
                return
            if turn.due <= self._log.clocks.steady() and (not turn.task.leader_only or self._leadership.held()):
                self._run(turn)
                self._pulse.beat()

    def _run(self, turn: _Turn) -> None:
        stage = Stage(turn.task.name, self._log)
        try:
            did = turn.task.run()
        except Stopping:
            return
        except StageFailed as failed:
            self._failed(turn, stage, str(failed))
        except Exception as error:
            # Its text may hold anything.
            self._failed(turn, stage, type(error).__name__)
        else:
            self._done(turn, stage, did)

    def _done(self, turn: _Turn, stage: Stage, did: str) -> None:
        if did or turn.failures:
            stage.tell(Outcome.DONE, did or "it works again")
        turn.failures = 0
        turn.told.clear()
        self._plan(turn, turn.task.period_seconds)

    def _failed(self, turn: _Turn, stage: Stage, reason: str) -> None:
        now = self._log.clocks.steady()
        if now - turn.told.get(reason, float("-inf")) >= REPEAT_SECONDS:
            # Only what may still be too early to tell again has to be remembered.
            turn.told = {each: at for each, at in turn.told.items() if now - at < REPEAT_SECONDS} | {reason: now}
            stage.tell(Outcome.FAILED, reason)
        turn.failures += 1
        period = turn.task.period_seconds
        longest = period if turn.task.urgent else max(period, LONGEST_PAUSE_SECONDS)
        # A bound on the exponent, for a task may fail for weeks.
        self._plan(turn, min(period * 2 ** min(turn.failures - 1, 20), longest))

    def _plan(self, turn: _Turn, seconds: float) -> None:
        turn.due = self._log.clocks.steady() + seconds * (1 + JITTER * (2 * self._chance() - 1))

    def _seconds_to_next(self) -> float:
        now = self._log.clocks.steady()
        waiting = [turn.due - now for turn in self._turns if turn.due > now]
        return min([TURN_SECONDS, *waiting])


def serve(loops: Sequence[Loop], heart: Heart, release: Callable[[], object], stop: threading.Event) -> int:
    """Run the loops until `stop` is set (by SIGTERM), then release what this node holds; the program's exit code.

    Each loop has a thread of its own, which dies with the process: nothing that a task waits for can make the end
    later than systemd's patience, and a task has to bear being cut off anyway.
    """
    running = [threading.Thread(target=loop.run, name=loop.name, daemon=True) for loop in loops]
    for each in running:
        each.start()
    while all(each.is_alive() for each in running) and not stop.wait(TURN_SECONDS):
        pass
    heart.stop()
    deadline = time.monotonic() + GRACE_SECONDS
    for each in running:
        each.join(max(0.0, deadline - time.monotonic()))
    releasing = threading.Thread(target=release, name="release", daemon=True)
    releasing.start()
    releasing.join(GRACE_SECONDS)
    # A loop that ended without being told to has met a defect; systemd starts the agent again.
    return 0 if stop.is_set() else 1
