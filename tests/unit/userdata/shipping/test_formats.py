"""Lines of each kind of log: what they say and when, and that one which is broken is shipped as it is."""

from __future__ import annotations

import json

import pytest

from userdata.shipping.formats import Line, audit, container, events, journal

AT = 1_764_478_800_250
TIME = "2025-11-30T05:00:00.250"


def test_an_audit_event_is_whole_and_has_the_time_of_its_stage() -> None:
    said = json.dumps({"kind": "Event", "requestObject": {"stageTimestamp": "x"}, "stageTimestamp": f"{TIME}123Z"})
    assert audit(said.encode()) == Line(said.encode(), AT)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"1", b'{"stageTimestamp": 5}', b'{"stageTimestamp": "2025-11-30T05:00:00"}', b"[" * 100_000],
)
def test_an_audit_line_that_is_none_is_shipped_as_it_is(data: bytes) -> None:
    assert audit(data) == Line(data)


@pytest.mark.parametrize("tag", ["F", "P", "F:more"])
def test_a_containers_line_is_its_text_at_its_time(tag: str) -> None:
    assert container(f'{TIME}123456Z stderr {tag} {{"level": "info"}} x'.encode()) == Line(b'{"level": "info"} x', AT)
    assert container(f"{TIME}123456+00:00 stdout {tag} ".encode()) == Line(b"", AT)


@pytest.mark.parametrize("data", [b"", b"x", b"x stdout F text", f"{TIME}Z both F x".encode(), b"\xff stdout F x"])
def test_a_containers_line_that_is_none_is_shipped_as_it_is(data: bytes) -> None:
    assert container(data) == Line(data)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('"kubelet: äöü"', "kubelet: äöü".encode()),
        # What is no UTF-8.
        ("[107, 255]", b"k\xff"),
        # A field that an entry has twice.
        ('["one", "two"]', b"one"),
        ('[[107], "two"]', b"k"),
    ],
)
def test_an_entry_of_the_journal_is_its_message_at_its_time(message: str, text: bytes) -> None:
    found = journal(
        f'{{"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "{AT}123", "MESSAGE": {message}}}'.encode(),
    )
    assert found is not None
    assert (found.cursor, found.line) == ("s=1;i=2", Line(text, AT))


@pytest.mark.parametrize("message", ["null", "[]", "{}", "5"])
def test_an_entry_without_a_message_moves_the_cursor_only(message: str) -> None:
    found = journal(f'{{"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1000", "MESSAGE": {message}}}'.encode())
    assert found is not None
    assert (found.cursor, found.line) == ("s=1", None)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"__CURSOR": "s=1"}', b"-- No entries --"])
def test_what_is_no_entry_is_passed_over(data: bytes) -> None:
    assert journal(data) is None


def test_events_are_in_the_order_of_their_times_and_never_later_than_they_were_read() -> None:
    lines = [
        Line(b"b", AT),
        Line(b"of no time"),
        Line(b"a", AT - 5),
        Line(b"c", AT),
        Line(b"a clock was set", AT + 9_000),
    ]
    assert [(event.timestamp - AT, event.message) for event in events(lines, AT + 7)] == [
        (-5, "a"),
        (0, "b"),
        (0, "c"),
        (7, "of no time"),
        (7, "a clock was set"),
    ]
