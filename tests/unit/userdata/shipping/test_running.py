"""Shipping until the node goes down: pauses that grow while nothing is taken, and a flush that ends in time."""

from __future__ import annotations

import threading
import time

import pytest

from tests.unit.userdata.shipping.test_shipment import Script, Stream, chunk
from tests.waiting import wait_for
from userdata.logs.events import NotSent
from userdata.shipping.running import LAST_LOOKS, Pauses, Shipping, flush
from userdata.shipping.shipment import Shipment
from userdata.shipping.source import Chunk

QUICK = Pauses(look=0.02, longest=0.1, last_look=0.01, flush=10)


class Growing(Script):
    """A source that gets lines while it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Exception | None = None

    def read(self) -> Chunk | None:
        if self.fails is not None:
            raise self.fails
        return super().read()


class Endless(Script):
    """A source that always has another line."""

    def read(self) -> Chunk:
        return chunk("x")


def shipment(source: Script, stream: Stream) -> Shipment:
    return Shipment("audit", source, stream, lambda cursor: None)


def running(*shipments: Shipment, pauses: Pauses = QUICK) -> tuple[Shipping, threading.Event, threading.Thread]:
    stop = threading.Event()
    shipping = Shipping(shipments, stop, pauses)
    thread = threading.Thread(target=lambda: shipping.run(lambda: None, 0.05), daemon=True)
    thread.start()
    return shipping, stop, thread


def test_lines_are_shipped_as_they_come_and_the_last_ones_when_the_node_goes_down() -> None:
    source, stream = Growing(), Stream()
    _, stop, thread = running(shipment(source, stream))
    for name in ("one", "two"):
        source.chunks.append(chunk(name))
        wait_for(lambda name=name: name in stream.taken, name)  # type: ignore[misc]
    stop.set()
    source.chunks.append(chunk("last"))
    thread.join(30)
    assert not thread.is_alive()
    assert stream.taken == ["one", "two", "last"]
    assert source.closed


def test_a_log_that_is_stuck_holds_up_no_other() -> None:
    stuck, well = Stream(*[NotSent("timed out")] * 1000), Stream()
    _, stop, thread = running(
        shipment(Script(chunk("one")), stuck),
        shipment(Script(*(chunk(f"{number}") for number in range(20))), well),
        pauses=Pauses(look=0.02, longest=0.1, last_look=0.01, flush=0.3),
    )
    wait_for(lambda: len(well.taken) == 20, "the other log")
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("answers", [[], [NotSent("timed out")] * 10_000])
def test_the_flush_ends_in_time_though_lines_come_without_end_or_none_is_taken(answers: list[NotSent]) -> None:
    source, stream = Endless(), Stream(*answers)
    _, stop, thread = running(shipment(source, stream), pauses=Pauses(0.02, 0.1, 0.01, flush=0.5))
    stop.set()
    began = time.monotonic()
    thread.join(30)
    assert not thread.is_alive()
    # Much less than the 25 s after which systemd would kill the program.
    assert time.monotonic() - began < 15


def test_a_log_that_is_written_to_until_the_machine_ends_holds_its_end_up_no_longer_than_some_looks() -> None:
    class Alternating(Script):
        """A source that has another line at every second look."""

        def read(self) -> Chunk | None:
            super().read()
            return chunk("x") if self.reads % 2 else None

    source = Alternating()
    flush(shipment(source, Stream()), Pauses(0.02, 0.1, 0.01, flush=1000))
    assert source.reads == 2 * LAST_LOOKS


def test_an_error_that_nobody_expected_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    source = Growing()
    shipping, stop, thread = running(shipment(source, Stream()))
    source.fails = KeyError("secret")
    thread.join(30)
    assert stop.is_set()
    assert shipping.failed == "audit: KeyError"
