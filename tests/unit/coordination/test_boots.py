"""What is read of a boot row, and which failed boots count together."""

from __future__ import annotations

import pytest

from coordination.boot_failures import FAILURES_SECONDS, MOST_FAILURES, BootFailures, boot_failures, failed, served
from coordination.boots import LONGEST_PLACE, LONGEST_REASON, LONGEST_STAGE, Boot, boot, tell
from coordination.fields import Malformed

NOW = 1_800_000_000
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"
LONG = "x" * 400_000


def test_a_boot_row_comes_back_as_it_was_stored() -> None:
    row = Boot(ARN, "decide", "a reason", "sha256:ab", NOW, "2", "RestoreBlocked")
    write = tell(row)
    assert boot({"Id": write.item_id, **dict(write.changes)}) == row


def test_what_an_instance_says_of_itself_is_bounded_when_it_is_written_and_when_it_is_read() -> None:
    written = dict(tell(Boot(ARN, LONG, LONG, "ab", NOW, LONG)).changes)
    lengths = {"Stage": LONGEST_STAGE, "Reason": LONGEST_REASON, "Place": LONGEST_PLACE}
    assert {field: len(str(written[field])) for field in lengths} == lengths
    read = boot({"Id": f"boot#{ARN}", "Stage": LONG, "Reason": LONG, "Place": LONG, "Fingerprint": LONG})
    assert (len(read.stage), len(read.reason), len(read.place)) == (LONGEST_STAGE, LONGEST_REASON, LONGEST_PLACE)
    assert len(read.fingerprint) == 128


def test_one_that_has_nothing_to_say_says_so_with_an_empty_text() -> None:
    assert boot({"Id": f"boot#{ARN}", "Stage": "decide", "Reason": ""}).reason == ""


@pytest.mark.parametrize(
    "fields", [{}, {"Stage": ""}, {"Stage": 5}, {"Stage": "decide", "Reason": 0}, {"Stage": "decide", "StartedAt": "x"}]
)
def test_a_row_that_no_node_program_writes_is_not_read(fields: dict[str, object]) -> None:
    with pytest.raises(Malformed, match=f"item boot#{ARN}: "):
        boot({"Id": f"boot#{ARN}", **fields})


def test_the_failures_of_a_slot_are_named_without_ones_own_and_those_of_an_hour_ago() -> None:
    before = {"i-2": NOW - 10, "i-1": NOW - FAILURES_SECONDS + 1, "i-9": NOW - 5, "i-old": NOW - FAILURES_SECONDS}
    assert boot_failures({"Id": "boot-failures#1", **before}).lately(NOW, without="i-9") == ["i-1", "i-2"]


def test_a_failure_is_stored_beside_the_others_and_what_counts_no_more_is_removed() -> None:
    seen = BootFailures({"i-1": NOW - 10, "i-old": NOW - FAILURES_SECONDS}, served_at=NOW - 20)
    write = failed("1", "i-9", seen, NOW)
    assert (write.item_id, dict(write.changes), write.expected) == ("boot-failures#1", {"i-old": None, "i-9": NOW}, ())


def test_a_failure_that_cannot_be_understood_hides_no_other_and_goes_with_the_next_one() -> None:
    seen = boot_failures({"Id": "boot-failures#1", "i-1": "soon", "i-2": NOW - 10, "i-3": 10**125})
    assert seen.lately(NOW, without="i-9") == ["i-2"]
    write = failed("1", "i-9", seen, NOW)
    assert dict(write.changes) == {"i-1": None, "i-3": None, "i-9": NOW}


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("rule", "failures", "in_a_row"),
    [
        (
            "failures count in a row however long ago they were",
            BootFailures({"i-1": NOW - 9 * DAY, "i-2": NOW}),
            ["i-1", "i-2"],
        ),
        ("one that came to serve ends the row", BootFailures({"i-1": NOW - DAY, "i-2": NOW}, (), NOW - 60), ["i-2"]),
        ("one's own counts apart", BootFailures({"i-1": NOW - DAY, "i-9": NOW}), ["i-1"]),
        (
            "of many the newest count",
            BootFailures({f"i-{number}": NOW + number for number in range(1, 6)}),
            ["i-3", "i-4", "i-5"],
        ),
    ],
)
def test_a_row_of_failures(rule: str, failures: BootFailures, in_a_row: list[str]) -> None:
    assert failures.in_a_row(without="i-9") == in_a_row, rule


def test_what_still_counts_in_a_row_is_kept_and_the_item_does_not_grow() -> None:
    seen = BootFailures({f"i-{number}": NOW - 9 * DAY + number for number in range(1, 8)})
    changes = dict(failed("1", "i-9", seen, NOW).changes)
    assert changes == {"i-1": None, "i-2": None, "i-3": None, "i-4": None, "i-9": NOW}
    assert len(seen.failed_at.keys() - changes.keys()) == MOST_FAILURES


def test_when_one_of_the_slot_came_to_serve_is_stored_beside_the_failures_and_is_none() -> None:
    write = served("1", NOW)
    assert (write.item_id, dict(write.changes)) == ("boot-failures#1", {"ServedAt": NOW})
    seen = boot_failures({"Id": "boot-failures#1", "i-1": NOW - 5, **dict(write.changes)})
    assert (seen.failed_at, seen.unreadable, seen.served_at) == ({"i-1": NOW - 5}, (), NOW)
    assert boot_failures({"Id": "boot-failures#1", "ServedAt": "soon"}).served_at is None
