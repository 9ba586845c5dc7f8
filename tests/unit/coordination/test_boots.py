"""Which failed boots count together."""

from __future__ import annotations

import pytest

from coordination.boots import FAILURES_SECONDS, Boot, failures

NOW = 1_800_000_000
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/"


def boot(name: str, place: str = "1", failed_at: int | None = NOW - 10) -> Boot:
    return Boot(ARN + name, "launch-abandoned", place=place, failed_at=failed_at)


def test_failures_of_the_slot_are_named_without_ones_own() -> None:
    assert failures([boot("i-2"), boot("i-1"), boot("i-9")], "1", NOW, without="i-9") == ["i-1", "i-2"]


@pytest.mark.parametrize(
    "row",
    [boot("i-1", place="2"), boot("i-1", failed_at=None), boot("i-1", failed_at=NOW - FAILURES_SECONDS)],
    ids=["of another slot", "that did not fail", "of an hour ago"],
)
def test_others_do_not_count(row: Boot) -> None:
    assert failures([row], "1", NOW, without="i-9") == []
