"""Runs shipments, each in a thread of its own, until the node goes down; then it ships what is left."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from userdata.shipping.shipment import Shipment, Step


@dataclass(frozen=True)
class Pauses:
    """In seconds."""

    look: float = 2
    """Between two looks at a log that is shipped: each is a request at most, so a thousand nodes stay far below the
    account's quota of PutLogEvents."""
    longest: float = 60
    """Between two tries while nothing is taken: they grow up to this one."""
    last_look: float = 0.3
    """Between two looks when the node goes down."""
    flush: float = 15
    """For what is left when the node goes down; the unit's TimeoutStopSec is more."""


LAST_LOOKS = 3
"""A log that has nothing new so often while the node goes down is whole. journalctl prints an entry a moment later; a
container that goes on writing until the machine ends does not hold that up."""


def ship(shipment: Shipment, stop: threading.Event, pauses: Pauses = Pauses()) -> None:
    """Ship until `stop` is set, then flush."""
    pause = pauses.look
    while not stop.is_set():
        match shipment.step():
            case Step.SHIPPED:
                pause = pauses.look
            case Step.CAUGHT_UP:
                pause = pauses.look
                stop.wait(pause)
            case Step.STUCK:
                # Nodes that are throttled together would go on together.
                stop.wait(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, pauses.longest)
    flush(shipment, pauses)


def flush(shipment: Shipment, pauses: Pauses = Pauses()) -> None:
    """Ship what is left, for so long at most as a node that goes down may take."""
    deadline = time.monotonic() + pauses.flush
    left = LAST_LOOKS
    while left and time.monotonic() < deadline:
        step = shipment.step()
        left -= step is Step.CAUGHT_UP
        if step is not Step.SHIPPED:
            time.sleep(pauses.last_look)


class Shipping:
    """The threads of all shipments."""

    def __init__(self, shipments: Sequence[Shipment], stop: threading.Event, pauses: Pauses = Pauses()) -> None:
        self._shipments = shipments
        self._stop = stop
        self._pauses = pauses
        self.failed = ""
        """What ended a thread that nobody expected to end, and with it the program: systemd starts it again."""
        self._threads = [
            # A thread that hangs in a request does not hold the end up.
            threading.Thread(target=self._run, args=(each,), name=each.progress.name, daemon=True)
            for each in shipments
        ]

    def run(self, often: Callable[[], object], seconds: float) -> None:
        """Ship until the stop, and call `often` every so many seconds and once more at the end."""
        for each in self._threads:
            each.start()
        while not self._stop.wait(seconds):
            often()
        deadline = time.monotonic() + self._pauses.flush + self._pauses.last_look
        for each in self._threads:
            each.join(max(0.0, deadline - time.monotonic()))
        often()
        for shipment, thread in zip(self._shipments, self._threads, strict=True):
            if not thread.is_alive():
                shipment.close()

    def _run(self, shipment: Shipment) -> None:
        try:
            ship(shipment, self._stop, self._pauses)
        except BaseException as error:
            self.failed = f"{shipment.progress.name}: {type(error).__name__}"
            self._stop.set()
            raise
