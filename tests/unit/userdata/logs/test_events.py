"""What one request may hold of events, whatever they are, and lines that are too long for one event."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userdata.logs.events import LARGEST_MESSAGE_BYTES, Event, first_batch, messages

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
BATCH_BYTES, OVERHEAD, EVENTS, DAY = 1_048_576, 26, 10_000, 24 * 3600 * 1000

TIMES = st.one_of(st.integers(0, 3), st.integers(0, 3 * DAY))
LENGTHS = st.sampled_from([1, 100, 65_000, LARGEST_MESSAGE_BYTES])
RUNS = st.lists(st.tuples(TIMES, LENGTHS, st.sampled_from([1, 2, 17, 10_001])), min_size=1, max_size=4)
FEW = settings(max_examples=40, deadline=None)


def of(runs: list[tuple[int, int, int]]) -> list[Event]:
    """So many events of a time and a length; the long ones only a few."""
    return [
        Event(at, "x" * length) for at, length, count in runs for _ in range(count if length == 1 else min(count, 17))
    ]


@FEW
@given(RUNS)
def test_every_batch_is_within_all_limits_and_no_event_is_left_out_or_twice(runs: list[tuple[int, int, int]]) -> None:
    events = of(runs)
    sent: list[Event] = []
    while len(sent) < len(events):
        batch = first_batch(events[len(sent) :])
        assert 1 <= len(batch) <= EVENTS
        assert sum(len(event.message.encode()) + OVERHEAD for event in batch) <= BATCH_BYTES
        assert all(one.timestamp <= other.timestamp for one, other in pairwise(batch))
        assert batch[-1].timestamp - batch[0].timestamp <= DAY
        sent += batch
    assert sent == events


@FEW
@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(1, 20_000))
def test_a_line_is_parts_that_are_small_enough_and_make_the_line_again(text: str, times: int) -> None:
    line = (text * times).encode()
    parts = list(messages(line))
    assert all(1 <= len(part.encode()) <= LARGEST_MESSAGE_BYTES for part in parts)
    assert "".join(parts).encode() == (line or b" ")


@pytest.mark.parametrize("line", [b"\xff" * 10, b"\x80" * (LARGEST_MESSAGE_BYTES + 1), "ä".encode()[:1]])
def test_a_line_that_is_no_text_is_sent_all_the_same(line: bytes) -> None:
    parts = list(messages(line))
    assert parts
    assert all(1 <= len(part.encode()) <= LARGEST_MESSAGE_BYTES for part in parts)
    assert set("".join(parts)) == {"�"}
