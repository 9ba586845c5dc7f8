"""Waiting in a boot: the launch hook is kept alive for as long as the boot moves, and not longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from coordination.outcomes import Request, Unknown

Clock = Callable[[], float]

_LOOK_SECONDS = 60.0
"""For how long a boot that has announced nothing may be silent: it looks at the table and at etcd then, and members
that do not answer cost some seconds each."""


class LaunchHeartbeat:
    """Sleeps, and sends a heartbeat of the launch hook whenever one is due and the boot has given a sign of life.

    The heartbeat has a thread of its own, because `kubeadm init` takes longer than a short hook. What the thread may
    not do is keep a boot alive that hangs: it needs a sign of life from the boot's own steps, each of which says for
    how long it may be silent. In a silence the hook runs out, and ends the instance; a boot that moves before that has
    not hung, and is kept alive again.
    """

    def __init__(
        self,
        heartbeat: Callable[[], Request],
        seconds: float,
        say: Callable[[str], object],
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._heartbeat = heartbeat
        self._seconds = seconds
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self._allowed = max(seconds, _LOOK_SECONDS)
        self._silent_until = clock() + self._allowed
        self._over = threading.Event()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def alive(self, seconds: float) -> None:
        """The boot moves, and what it does now takes so long at most."""
        self._silent_until = self._clock() + seconds

    def sleep(self, seconds: float) -> None:
        """Wait; whoever waits is alive."""
        self.alive(seconds + self._allowed)
        self._sleep(seconds)

    def close(self) -> None:
        """No heartbeat any more: the hook was answered."""
        self._over.set()

    def _beat(self) -> None:
        said, silent = "", False
        while not self._over.wait(self._seconds):
            was_silent, silent = silent, self._clock() > self._silent_until
            if silent:
                if not was_silent:
                    self._say("the boot makes no progress: no heartbeat of its launch hook is sent until it does")
                continue
            outcome = self._heartbeat()
            reason = outcome.reason if isinstance(outcome, Unknown) else ""
            if reason and reason != said:
                self._say(f"a heartbeat of the launch hook failed: {reason}")
            said = reason
