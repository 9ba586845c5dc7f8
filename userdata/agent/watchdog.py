"""The beat of the agent: what tells systemd that it moves, and how a task waits without hiding that it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from userdata.host.notify import ALIVE, STOPPING, Notify

BEAT_SECONDS = 5.0
"""At most this long between two beats while something waits. The unit's watchdog has to be several times as long."""


class Stopping(Exception):
    """The agent was told to end while a task waited."""


class Heart:
    """The whole agent's. systemd hears of it each time that all of its pulses have beaten since it heard last.

    So a loop that hangs is not hidden by one that moves, and each has the whole of the watchdog's time for itself.
    """

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pulses: set[Pulse] = set()
        self._silent: set[Pulse] = set()
        """Those that have not beaten since systemd heard last."""

    def pulse(self, name: str) -> Pulse:
        """One more, which has to beat from now on."""
        made = Pulse(name, self.beat, self._stop)
        with self._lock:
            self._pulses.add(made)
            self._silent.add(made)
        return made

    def beat(self, pulse: Pulse) -> None:
        """Take note that what has this pulse moves."""
        with self._lock:
            self._silent.discard(pulse)
            if self._silent:
                return
            self._silent |= self._pulses
        self._notify(ALIVE)

    def stop(self) -> None:
        """Tell the agent to end. Every wait ends at once."""
        self._stop.set()
        self._notify(STOPPING)


class Pulse:
    """Shared by one loop, which has its name, and by those of its tasks that wait for something."""

    def __init__(self, name: str, beat: Callable[[Pulse], object], stop: threading.Event) -> None:
        self.name = name
        self._beat = beat
        self._stop = stop

    @property
    def stopping(self) -> bool:
        """Whether the agent was told to end."""
        return self._stop.is_set()

    def beat(self) -> None:
        """Say that the loop moves."""
        self._beat(self)

    def rest(self, seconds: float) -> None:
        """Wait, beating; shorter if the agent is told to end."""
        while seconds > 0 and not self._stop.wait(min(seconds, BEAT_SECONDS)):
            seconds -= BEAT_SECONDS
            self.beat()

    def pause(self, seconds: float) -> None:
        """Wait in the middle of a task. Raises Stopping if the agent is told to end."""
        self.rest(seconds)
        if self.stopping:
            raise Stopping

    def until(self, look: Callable[[], bool], seconds: float, every_seconds: float = 1.0) -> bool:
        """Look until it is so, for `seconds` at most; whether it was. Raises Stopping."""
        deadline = time.monotonic() + seconds
        # A look itself may take seconds, where what it asks is silent.
        while not look():
            if time.monotonic() >= deadline:
                return False
            self.pause(every_seconds)
        return True
