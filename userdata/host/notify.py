"""systemd's notifications (sd_notify), in the standard library: that the program is ready, and that it still moves."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"

Notify = Callable[[str], None]


def notifier(environment: Mapping[str, str] = os.environ) -> Notify:
    """What tells systemd of this unit; it does nothing where systemd did not ask for it, and never raises.

    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return lambda state: None
    # @ stands for the first byte of an abstract address.
    place = f"\0{address[1:]}" if address.startswith("@") else address

    def notify(state: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                sending.settimeout(1)
                sending.sendto(state.encode(), place)
        except OSError:
            # systemd restarts whoever it does not hear from; there is nothing better to do about it here.
            return

    return notify
