"""What a line of each kind of log says, and when it was written. Pure.

A line that cannot be understood is shipped as it is, with the time at which it was read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from userdata.logs.events import Event, messages


@dataclass(frozen=True)
class Line:
    """A line without its end. `at` is in milliseconds since 1970, None where the line does not say it."""

    text: bytes
    at: int | None = None


@dataclass(frozen=True)
class JournalEntry:
    """An entry of the journal; `line` is None where the entry holds no message."""

    cursor: str
    line: Line | None


ToLine = Callable[[bytes], Line]


def audit(data: bytes) -> Line:
    """An event of the API server's audit log: JSON, with the time of its stage (audit.k8s.io/v1)."""
    try:
        found: Any = json.loads(data)
        return Line(data, _milliseconds(found["stageTimestamp"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Line(data)


def container(data: bytes) -> Line:
    """A line of a container, as the kubelet has containerd write it: time, stream, `F` or `P` for a part, and the text.

    https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
    """
    time, _, rest = data.partition(b" ")
    stream, _, rest = rest.partition(b" ")
    tag, found, text = rest.partition(b" ")
    if not found or stream not in (b"stdout", b"stderr") or tag[:1] not in (b"F", b"P"):
        return Line(data)
    try:
        return Line(text, _milliseconds(time.decode("ascii")))
    except ValueError:
        return Line(data)


def journal(data: bytes) -> JournalEntry | None:
    """An entry of the journal as `journalctl --output=json` prints it; None where it is none.

    https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-json-format
    """
    try:
        found: Any = json.loads(data)
        cursor, at = str(found["__CURSOR"]), int(found["__REALTIME_TIMESTAMP"]) // 1000
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    text = _message(found.get("MESSAGE"))
    return JournalEntry(cursor, None if text is None else Line(text, at))


def events(lines: list[Line], now: int) -> tuple[Event, ...]:
    """The events of lines that were read at `now`, in the order of their times, as a batch has to be.

    Nothing was written later than it was read: a time in the future is a clock's that has been set since, and the
    service would refuse it.
    """
    made = [
        Event(now if line.at is None else min(line.at, now), message)
        for line in lines
        for message in messages(line.text)
    ]
    # Stable: what was written in the same millisecond stays as it was written.
    return tuple(sorted(made, key=lambda event: event.timestamp))


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return int((moment - _EPOCH).total_seconds() * 1000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _message(found: object) -> bytes | None:
    """The text, which is a list of bytes where it is no UTF-8, and a list of such where an entry has several."""
    match found:
        case str():
            return found.encode(errors="replace")
        case [int(), *_]:
            return bytes(each & 0xFF for each in found if isinstance(each, int))
        case [first, *_]:
            return _message(first)
        case _:
            return None
