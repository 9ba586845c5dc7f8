"""The table of the slowest files."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.conftest import slowest_files


def report(nodeid: str, when: Literal["setup", "call", "teardown"], seconds: float) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", None, ""), {}, "passed", None, when, duration=seconds)


def test_a_file_takes_as_long_as_everything_in_it_and_the_longest_come_first() -> None:
    reports = [
        report("tests/test_a.py::test_one", "call", 2.0),
        report("tests/test_b.py::test_one", "setup", 3.0),
        report("tests/test_b.py::TestIn::test_two[a::b]", "call", 1.0),
        report("tests/test_b.py::test_one", "teardown", 0.5),
        report("tests/test_c.py::test_one", "call", 1.0),
    ]
    assert slowest_files(reports, 2) == [(4.5, "tests/test_b.py"), (2.0, "tests/test_a.py")]
