"""How the programs of the rehearsal are told to shut down."""

from __future__ import annotations

import signal
import socket
import sys
import threading


def shutdown_event(*, with_stdin: bool) -> threading.Event:
    """An event that SIGTERM and SIGINT set, and on request the end of standard input.

    A pipe ends however its other side ends, so a program with it never outlives whoever started it.
    """
    stopping = threading.Event()
    threading.Thread(target=_when_signalled, args=(_wakened(), stopping), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if with_stdin:
        threading.Thread(target=_until_closed, args=(stopping,), daemon=True).start()
    return stopping


def _wakened() -> socket.socket:
    """A socket that gets a byte with each signal.

    Python runs a signal's handler in the main thread, and one that comes just before that thread begins to wait runs
    after the wait: never, where nothing else ends it. What is written to a descriptor is written at once.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    # Never closed: a signal may come at any time until the end.
    signal.set_wakeup_fd(writing.detach())
    return reading


def _when_signalled(wakened: socket.socket, stopping: threading.Event) -> None:
    wakened.recv(1)
    stopping.set()


def _until_closed(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()
