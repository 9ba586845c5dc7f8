"""A log on its way: nothing more is read while something waits, and what is shipped is kept only once it is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from userdata.logs.events import Event, NotSent, Sent
from userdata.shipping.progress import LogProgress
from userdata.shipping.shipment import Shipment, Step
from userdata.shipping.source import Chunk, Cursor


class Script:
    """A source that hands out chunks, or raises, in turn."""

    def __init__(self, *chunks: Chunk | OSError) -> None:
        self.chunks = list(chunks)
        self.reads = 0
        self.closed = False

    def read(self) -> Chunk | None:
        self.reads += 1
        if not self.chunks:
            return None
        chunk = self.chunks.pop(0)
        if isinstance(chunk, OSError):
            raise chunk
        return chunk

    def close(self) -> None:
        self.closed = True


class Stream:
    """Answers in turn, and then takes everything."""

    def __init__(self, *answers: Sent | NotSent) -> None:
        self.answers = list(answers)
        self.taken: list[str] = []

    def send(self, batch: Sequence[Event]) -> Sent | NotSent:
        answer = self.answers.pop(0) if self.answers else Sent(0)
        if isinstance(answer, Sent):
            self.taken += [event.message for event in batch]
        return answer


class World:
    """A shipment, what it keeps, and its clock."""

    def __init__(self, source: Script, stream: Stream) -> None:
        self.now = 1000.0
        self.kept: list[Cursor] = []
        self.source, self.stream = source, stream
        self.shipment = Shipment("audit", source, stream, self.kept.append, lambda: self.now)


def chunk(name: str, *losses: str) -> Chunk:
    return Chunk((Event(1, name),), {"at": name}, losses)


def test_a_log_is_shipped_chunk_by_chunk_and_each_is_kept_once_it_is_sent() -> None:
    world = World(Script(chunk("one"), chunk("two")), Stream())
    assert [world.shipment.step() for _ in range(3)] == [Step.SHIPPED, Step.SHIPPED, Step.CAUGHT_UP]
    assert world.stream.taken == ["one", "two"]
    assert world.kept == [{"at": "one"}, {"at": "two"}]


def test_while_nothing_is_taken_nothing_more_is_read_and_nothing_is_kept() -> None:
    world = World(Script(chunk("one"), chunk("two")), Stream(*[NotSent("ThrottlingException")] * 100))
    for _ in range(100):
        world.now += 1
        assert world.shipment.step() is Step.STUCK
    assert (world.source.reads, world.kept, world.stream.taken) == (1, [], [])
    assert world.shipment.progress == LogProgress("audit", 1000.0, 0, 0, "ThrottlingException")
    assert [world.shipment.step() for _ in range(3)] == [Step.SHIPPED, Step.SHIPPED, Step.CAUGHT_UP]
    assert world.stream.taken == ["one", "two"]
    assert world.shipment.progress == LogProgress("audit", world.now, 0, 0, "")


def test_of_a_chunk_of_several_batches_those_that_were_taken_are_not_sent_again() -> None:
    long = Chunk(tuple(Event(at, f"{at}") for at in (3, 2, 1)), {"at": 3})
    world = World(Script(long), Stream(Sent(0), NotSent("timed out"), NotSent("timed out"), Sent(0), Sent(0)))
    assert [world.shipment.step() for _ in range(3)] == [Step.STUCK, Step.STUCK, Step.SHIPPED]
    assert (world.stream.taken, world.kept) == (["3", "2", "1"], [{"at": 3}])


def test_what_cannot_be_read_is_tried_again_and_said() -> None:
    world = World(Script(OSError(5, "Input/output error"), OSError("journalctl ended with 1"), chunk("one")), Stream())
    assert world.shipment.step() is Step.STUCK
    assert world.shipment.progress.reason == "it cannot be read: Input/output error"
    assert world.shipment.step() is Step.STUCK
    assert world.shipment.progress.reason == "it cannot be read: journalctl ended with 1"
    assert world.shipment.step() is Step.SHIPPED
    assert world.shipment.progress.reason == ""


def test_what_the_service_does_not_take_is_counted_and_the_stream_says_so() -> None:
    world = World(Script(chunk("one"), chunk("two")), Stream(Sent(1)))
    while world.shipment.step() is not Step.CAUGHT_UP:
        pass
    assert world.shipment.progress.lost == 1
    first, said, second = world.stream.taken
    assert (first, second) == ("one", "two")
    assert json.loads(said)["reason"] == "1 lines are lost: CloudWatch Logs did not take them"


def test_the_last_loss_is_said_though_nothing_follows() -> None:
    world = World(Script(chunk("one")), Stream(Sent(1)))
    while world.shipment.step() is not Step.CAUGHT_UP:
        pass
    assert len(world.stream.taken) == 2


def test_what_was_gone_before_it_was_read_is_said_where_it_is_missing() -> None:
    world = World(Script(chunk("one"), chunk("two", "5 bytes are lost"), Chunk((), {}, ("all is lost",))), Stream())
    while world.shipment.step() is not Step.CAUGHT_UP:
        pass
    one, said, two, at_the_end = world.stream.taken
    assert (one, two) == ("one", "two")
    assert [json.loads(each)["reason"] for each in (said, at_the_end)] == ["5 bytes are lost", "all is lost"]
    assert world.shipment.progress.gaps == 2


def test_it_is_caught_up_since_the_moment_before_the_look_that_found_nothing() -> None:
    world = World(Script(chunk("one")), Stream())
    world.now = 2000.0
    world.shipment.step()
    assert world.shipment.progress.caught_up_at == 1000.0
    world.now = 3000.0
    world.shipment.step()
    assert world.shipment.progress.caught_up_at == 3000.0


def test_to_close_it_lets_go_of_the_source() -> None:
    world = World(Script(), Stream())
    world.shipment.close()
    assert world.source.closed
