"""One boot of an instance: its system's first process, and the ways to end it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from rehearsal.machines.instance.plan import Boot

POWER_OFF, REBOOT = signal.SIGRTMIN + 4, signal.SIGRTMIN + 5
"""What systemd takes for "start poweroff.target" and "start reboot.target" (systemd(1), "Signals")."""
REPEAT_SECONDS = 0.5
"""How often systemd is told."""
_PROJECT = Path(__file__).parents[3]


class Ending(Enum):
    """How a boot ended."""

    REBOOT = auto()
    POWER_OFF = auto()
    DEATH = auto()
    """Killed, from outside or by a fault of its own."""


def ending(exit_code: int) -> Ending:
    """From the launcher's exit code: a first process ends by SIGHUP for a reboot, by SIGINT for a power-off."""
    return {-signal.SIGHUP: Ending.REBOOT, -signal.SIGINT: Ending.POWER_OFF}.get(exit_code, Ending.DEATH)


class Running:
    """A booted instance. The thread that makes it has to stay until its end: the kernel ends it with that thread.

    `cut` cuts its network. OSError, with the launcher's words, when systemd could not be started.
    """

    def __init__(self, boot: Boot, cut: Callable[[], None]) -> None:
        self._cut = cut
        self._launcher = subprocess.Popen(
            # Without site packages: the launcher is up in some milliseconds.
            [sys.executable, "-S", "-E", "-s", "-m", "rehearsal.machines.instance.launcher", boot.to_json()],
            cwd=_PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the local cloud, which ends its instances in order.
            start_new_session=True,
        )
        assert self._launcher.stdout is not None
        said = self._launcher.stdout.readline()
        if not said:
            _, errors = self._launcher.communicate()
            raise OSError(f"the launcher ended with {self._launcher.returncode}: {errors.strip()}")
        self.pid = int(said)
        self._handle: int | None = os.pidfd_open(self.pid)
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def shut_down(self, how: int, seconds: float) -> None:
        """Ask systemd to end, by POWER_OFF or REBOOT; after so many seconds its power is cut. 0 does not ask.

        Returns at once and calls nothing in the caller's thread, so it may be called with any lock held.
        """
        threading.Thread(target=self._enforce, args=(how, seconds), daemon=True).start()

    def cut_power(self) -> None:
        """Every process ends now. Its peers hear nothing of that."""
        try:
            # First, for the kernel would say goodbye on every connection.
            self._cut()
        finally:
            with self._lock:
                self._signal(signal.SIGKILL)

    def wait(self) -> Ending:
        """Wait for the end."""
        self._launcher.communicate()
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
            self._handle = None
        self._ended.set()
        return ending(self._launcher.returncode)

    def _enforce(self, how: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with self._lock:
                self._signal(how)
            # Once more: the kernel drops what comes before systemd listens, and systemd minds no repetition.
            if self._ended.wait(min(left, REPEAT_SECONDS)):
                return
        self.cut_power()

    def _signal(self, number: int) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)
