"""The mirror of a node's log in CloudWatch Logs, on the local AWS, and what it does while that does not answer."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.waiting import wait_for
from userdata.logs.cloudwatch import MOST_REFUSALS, Limits, LogStream, Mirror, stream_name
from userdata.logs.events import MOST_EVENTS, Event, NotSent, Sent, first_batch

NUMBERS = itertools.count()
QUICK = Limits(pause=0.05, longest_pause=0.1, last_pause=0.05)
HOUR = 3600 * 1000
NOW = int(time.time() * 1000)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    aws = LocalAws().start()
    yield aws.client("logs")
    aws.stop()


@pytest.fixture
def group(client: Any) -> str:
    """A group of the test's own."""
    name = f"nodes-{next(NUMBERS)}"
    client.create_log_group(logGroupName=name)
    return name


def nobody() -> Any:
    """A client of a service that does not answer at once: a port that listens, and never speaks."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    make: Any = boto3.client
    made = make(
        "logs",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(connect_timeout=1, read_timeout=30, retries={"total_max_attempts": 1}),
    )
    made.listening = listening
    return made


def stored(client: Any, group: str, stream: str) -> list[str]:
    """The lines of a stream, none where there is no stream."""
    if not client.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        return []
    found = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in found]


def test_lines_arrive_in_order_in_the_stream_of_the_instance(client: Any, group: str) -> None:
    stream = stream_name("control-plane", "i-1")
    assert stream == "control-plane/i-1"
    mirror = Mirror(client, group, stream, QUICK)
    for number in range(100):
        mirror.write(f"line {number}")
    assert mirror.close(10) == 0
    assert stored(client, group, stream) == [f"line {number}" for number in range(100)]


def test_lines_are_there_while_the_program_goes_on(client: Any, group: str) -> None:
    mirror = Mirror(client, group, "worker/i-1", QUICK)
    mirror.write("first")
    wait_for(lambda: stored(client, group, "worker/i-1") == ["first"], "the first line")
    mirror.write("second")
    wait_for(lambda: stored(client, group, "worker/i-1") == ["first", "second"], "the second line")
    assert mirror.close(5) == 0


def test_a_program_that_starts_again_goes_on_in_the_same_stream(client: Any, group: str) -> None:
    for line in ("before", "after"):
        mirror = Mirror(client, group, "worker/i-1", QUICK)
        mirror.write(line)
        assert mirror.close(5) == 0
    assert stored(client, group, "worker/i-1") == ["before", "after"]


def test_what_was_written_before_the_service_took_anything_arrives_later(client: Any) -> None:
    mirror = Mirror(client, "late", "worker/i-1", QUICK)
    mirror.write("early")
    time.sleep(0.3)
    client.create_log_group(logGroupName="late")
    wait_for(lambda: stored(client, "late", "worker/i-1") == ["early"], "the early line")
    assert mirror.close(5) == 0


def test_the_oldest_lines_are_lost_when_too_many_wait_and_the_stream_says_how_many(client: Any) -> None:
    mirror = Mirror(client, "small", "worker/i-1", Limits(lines=3, pause=60))
    for number in range(5):
        mirror.write(f"line {number}")
    assert mirror.dropped == 2
    client.create_log_group(logGroupName="small")
    assert mirror.close(10) == 2
    said, *lines = stored(client, "small", "worker/i-1")
    assert lines == ["line 2", "line 3", "line 4"]
    assert json.loads(said)["reason"] == "2 lines of this log are lost"


class Refusing:
    """A service that refuses whatever holds one of some lines, and fails at the request of a number."""

    def __init__(self, *bad: str, fails: int = 0) -> None:
        self.bad, self.fails = frozenset(bad), fails
        self.requests = 0
        self.taken: list[str] = []

    def create_log_stream(self, **_: str) -> None: ...

    def put_log_events(self, *, logEvents: list[dict[str, Any]], **_: str) -> dict[str, Any]:
        self.requests += 1
        lines = [str(event["message"]) for event in logEvents]
        if self.requests == self.fails:
            raise ClientError({"Error": {"Code": "ServiceUnavailableException"}}, "PutLogEvents")
        if self.bad.intersection(lines):
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, "PutLogEvents")
        self.taken += lines
        return {}


LINES = [str(number) for number in range(MOST_EVENTS)]


def sent(service: Refusing) -> Sent | NotSent:
    return LogStream(service, "group", "stream").send([Event(NOW, line) for line in LINES])


@pytest.mark.parametrize("bad", [{"0"}, {"9999"}, {"4999", "5000"}])
def test_a_line_that_is_refused_takes_no_other_away(bad: set[str]) -> None:
    service = Refusing(*bad)
    assert sent(service) == Sent(len(bad))
    assert service.taken == [line for line in LINES if line not in bad]


def test_of_many_refused_lines_no_more_is_asked_than_finds_a_few() -> None:
    service = Refusing(*LINES)
    assert sent(service) == Sent(MOST_EVENTS)
    assert service.requests <= 2 * MOST_REFUSALS


def test_a_batch_of_which_a_half_could_not_be_sent_is_sent_again() -> None:
    service = Refusing("9999", fails=3)
    assert isinstance(sent(service), NotSent)


def test_a_service_that_never_answers_delays_neither_a_line_nor_the_end() -> None:
    mirror = Mirror(nobody(), "nodes", "worker/i-1", QUICK)
    mirror.write("sent, and never answered")
    time.sleep(0.3)
    began = time.monotonic()
    for number in range(1000):
        mirror.write(f"line {number}")
    assert time.monotonic() - began < 30
    began = time.monotonic()
    assert mirror.close(0.5) == 1001
    assert time.monotonic() - began < 30


def test_a_line_after_the_end_is_counted(client: Any, group: str) -> None:
    mirror = Mirror(client, group, "worker/i-1", QUICK)
    assert mirror.close(5) == 0
    mirror.write("late")
    assert mirror.dropped == 1


def test_a_line_that_is_too_long_is_cut_and_an_empty_one_is_sent(client: Any, group: str) -> None:
    mirror = Mirror(client, group, "worker/i-1", QUICK)
    mirror.write("ä" * 100_000)
    mirror.write("")
    assert mirror.close(10) == 0
    assert stored(client, group, "worker/i-1") == ["ä" * 32768, " "]


def test_a_clock_that_jumps_loses_no_line_that_the_service_takes(client: Any, group: str) -> None:
    now = iter([time.time(), time.time() - 3600, time.time()])
    mirror = Mirror(client, group, "worker/i-1", Limits(pause=60), clock=lambda: next(now))
    for line in ("one", "two", "three"):
        mirror.write(line)
    assert mirror.close(10) == 0
    assert sorted(stored(client, group, "worker/i-1")) == ["one", "three", "two"]


def batch_sizes(events: list[Event]) -> list[int]:
    """How many events each request has."""
    sizes = []
    while events:
        sizes.append(len(first_batch(events)))
        events = events[sizes[-1] :]
    return sizes


@pytest.mark.parametrize(
    ("timestamp", "count", "length", "sizes"),
    [
        (lambda number: NOW, 10_001, 1, [10_000, 1]),
        # 1,048,576 bytes are 15 times 65,000 and 26 each, and no more.
        (lambda number: NOW, 17, 65_000, [16, 1]),
        (lambda number: NOW - number, 3, 1, [1, 1, 1]),
        (lambda number: NOW + number * 12 * HOUR, 4, 1, [2, 2]),
        (lambda number: NOW, 1, 2_000_000, [1]),
    ],
    ids=["events", "bytes", "a clock that goes back", "the span of a day", "one that is too large alone"],
)
def test_a_request_holds_no_more_than_the_service_takes(
    timestamp: Callable[[int], int], count: int, length: int, sizes: list[int]
) -> None:
    assert batch_sizes([Event(timestamp(number), "x" * length) for number in range(count)]) == sizes
