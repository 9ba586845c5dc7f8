"""docs/storm.md: its table has every field of a line, and what it shows to paste does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.storm import history, linearizable
from tests.storm.history import Outcome
from tests.storm.linearizable import NotLinearizable

PAGE = (Path(__file__).parents[2] / "docs" / "storm.md").read_text(encoding="utf-8")


def test_the_table_has_every_field_and_every_outcome() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    assert rows == [*history.FIELDS, *Outcome]


@pytest.mark.usefixtures("porcupine")
def test_the_history_to_paste_is_refused_as_the_page_says() -> None:
    calls = history.parse_all(line.strip() for line in PAGE.splitlines() if line.startswith("    {"))
    verdict = linearizable.check(calls)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.keys == ("k",)
