"""A report on a screen: what is cut, what never is, and what a terminal may not obey."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.report.parts import Attention, Part, Report, Verdict
from coordination.report.rendering import Size, document, plain, screen

LONG = "aws dynamodb put-item " * 20
ATTENTION = Part("conditions", attention=(Attention("it waits", LONG),))
UNKNOWN = tuple(Part(name, unknown=("Scan: AccessDenied",)) for name in ("record", "members"))
ROWS = Part("drains", tuple((f"i-{number}", LONG) for number in range(5)), data=[])


def report(*parts: Part) -> Report:
    return Report(1_800_000_000.5, "cluster", parts)


@pytest.mark.parametrize(
    ("parts", "verdict", "word"),
    [
        ((ROWS,), Verdict.HEALTHY, "healthy"),
        (UNKNOWN, Verdict.UNKNOWN, "unknown"),
        ((*UNKNOWN, ATTENTION), Verdict.ATTENTION, "attention"),
    ],
)
def test_what_is_wrong_goes_before_what_is_unknown(parts: tuple[Part, ...], verdict: Verdict, word: str) -> None:
    found = report(*parts)
    assert found.verdict is verdict
    told = json.loads(document(found))
    assert (told["at"], told["verdict"], list(told["parts"])) == (1_800_000_000, word, [part.name for part in parts])


def test_columns_are_cut_and_commands_are_not() -> None:
    text = screen(report(ATTENTION, ROWS), Size(columns=40, rows=3))
    assert text.splitlines() == [
        "cluster: needs attention",
        "  ! it waits",
        f"      next: {LONG}",
        "",
        "drains",
        f"  i-0  {LONG}"[:39] + "…",
        f"  i-1  {LONG}"[:39] + "…",
        "  and 3 more",
    ]


def test_without_bounds_nothing_is_cut() -> None:
    assert screen(report(ROWS)).count(LONG.rstrip()) == 5


def test_parts_that_one_failure_hides_share_its_line() -> None:
    assert screen(report(*UNKNOWN)).splitlines()[1:] == ["  ? record, members: Scan: AccessDenied"]


@given(st.text())
def test_plain_text_is_as_long_as_it_was_and_can_be_printed(text: str) -> None:
    assert (len(plain(text)), plain(text).isprintable()) == (len(text), True)
    assert plain(plain(text)) == plain(text)
