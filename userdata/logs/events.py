"""Events of CloudWatch Logs: how much one may hold, and how many one request may hold. Pure; `cloudwatch` sends them.

The numbers are those of
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

EVENT_OVERHEAD_BYTES = 26
"""What each event counts for besides its message."""
LARGEST_BATCH_BYTES = 1_048_576
MOST_EVENTS = 10_000
LARGEST_MESSAGE_BYTES = 262_144 - EVENT_OVERHEAD_BYTES
"""The limit of an event is 1 MB since April 2025. This is the one from before, which the China regions' page still has
(https://docs.amazonaws.cn/sdk-for-sap-abap/v1/api/latest/cwl/operation/PUTLOGEVENTS.html)."""
_LONGEST_SPAN_MILLISECONDS = 23 * 3600 * 1000
"""A batch that spans more than 24 hours is refused."""
# The bytes 10xxxxxx go on with a character of UTF-8.
_GOES_ON, _MASK = 0x80, 0xC0
_LONGEST_CHARACTER = 4


@dataclass(frozen=True)
class Event:
    """A line, and when it was written, in milliseconds since 1970."""

    timestamp: int
    message: str

    @property
    def size(self) -> int:
        """What it counts for in a batch, in bytes."""
        return len(self.message.encode()) + EVENT_OVERHEAD_BYTES


@dataclass(frozen=True)
class Sent:
    """The service is done with a batch. It will never store `lost` of its events: they are too old, or refused."""

    lost: int


@dataclass(frozen=True)
class NotSent:
    """The service took no event, or nobody knows whether it did; the batch is to be sent again."""

    reason: str


def first_batch(events: Sequence[Event]) -> list[Event]:
    """As many of the events, from the first one, as one request may hold: in the order of their times, at least one."""
    batch: list[Event] = []
    size = 0
    for event in islice(events, MOST_EVENTS):
        size += event.size
        if batch and (
            size > LARGEST_BATCH_BYTES
            or event.timestamp < batch[-1].timestamp
            or event.timestamp - batch[0].timestamp > _LONGEST_SPAN_MILLISECONDS
        ):
            break
        batch.append(event)
    return batch


def whole_characters(data: bytes, most: int) -> int:
    """How many bytes of `data`, at most `most`, end with a character of UTF-8 and not within one."""
    if len(data) <= most:
        return len(data)
    for end in range(most, max(most - _LONGEST_CHARACTER, 0), -1):
        if data[end] & _MASK != _GOES_ON:
            return end
    # It is no UTF-8.
    return most


def messages(line: bytes) -> Iterator[str]:
    """A line as messages that the service takes: one, or several where it is too long for one event, and never none."""
    # The service takes no empty message.
    rest = line.decode(errors="replace").encode() or b" "
    while rest:
        end = whole_characters(rest, LARGEST_MESSAGE_BYTES)
        yield rest[:end].decode(errors="replace")
        rest = rest[end:]


def loss(timestamp: int, what: str) -> Event:
    """The event that says in a stream what is missing there."""
    return Event(timestamp, json.dumps({"stage": "logs", "outcome": "failed", "reason": what}))
