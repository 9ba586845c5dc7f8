"""How the programs of the rehearsal are told to end."""

from __future__ import annotations

import signal
import sys
import threading


def asked_to_end(*, with_stdin: bool) -> threading.Event:
    """An event that SIGTERM and SIGINT set, and on request the end of standard input.

    A pipe ends however its other side ends, so a program with it never outlives whoever started it.
    """
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    if with_stdin:
        threading.Thread(target=_until_closed, args=(ending,), daemon=True).start()
    return ending


def _until_closed(ending: threading.Event) -> None:
    sys.stdin.read()
    ending.set()
