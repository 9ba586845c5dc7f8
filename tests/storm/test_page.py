"""docs/storm.md: its tables have every field, fault, invariant, case and code, and what it shows to paste is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.storm import history, linearizable, report
from tests.storm.excused import Case
from tests.storm.faults import Kind
from tests.storm.history import Outcome
from tests.storm.invariants import Invariant
from tests.storm.linearizable import NotLinearizable
from tests.storm.schedule import schedule

PAGE = (Path(__file__).parents[2] / "docs" / "storm.md").read_text(encoding="utf-8")


def first_column(heading: str) -> list[str]:
    """The first cells of the tables below a heading, without their heads."""
    section = re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    tables = re.findall(r"^\| [^\n]*\n\| --- [^\n]*\n((?:\|[^\n]*\n)+)", section, re.MULTILINE)
    return [row.split("|")[1].strip() for table in tables for row in table.splitlines()]


def test_the_format_has_every_field_and_every_outcome() -> None:
    names = [name.strip("`") for name in first_column("The format")]
    assert names == [*history.FIELDS, *Outcome]


@pytest.mark.parametrize(
    ("heading", "named"), [("The faults", Kind), ("What must hold", Invariant), ("What is excused", Case)]
)
def test_a_table_has_all_of_a_kind(heading: str, named: type[Kind] | type[Invariant] | type[Case]) -> None:
    assert first_column(heading) == list(named)


def test_the_command_has_a_line_for_each_code_and_no_other() -> None:
    codes = [cell for cell in first_column("The storm") if cell.isdecimal()]
    known = (report.NOTHING_FOUND, report.FOUND, report.BAD_INPUT, report.UNDECIDED, report.BROKE)
    assert codes == [str(each) for each in known]


def test_the_schedule_that_is_shown_can_be_read() -> None:
    (shown,) = re.findall(r"^ +schedule: (.+)$", PAGE, re.MULTILINE)
    assert str(schedule(shown)) == shown
    assert f"FAULTS='{shown}'" in PAGE


@pytest.mark.usefixtures("porcupine")
def test_the_history_to_paste_is_refused_as_the_page_says() -> None:
    calls = history.parse_all(line.strip() for line in PAGE.splitlines() if line.startswith("    {"))
    verdict = linearizable.check(calls)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.keys == ("k",)
