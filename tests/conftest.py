"""At the end of a run that asks for it: the files whose tests took longest, whichever workers ran them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slowest-files`: pytest's own `--durations` knows single tests only."""
    parser.addoption("--slowest-files", type=int, default=0, metavar="N", help="show the N slowest files")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table. A process with workers hears the reports of all of them."""
    count = config.getoption("--slowest-files")
    if count:
        reports = [each for group in terminalreporter.stats.values() for each in group]
        terminalreporter.section(f"slowest {count} files")
        for seconds, file in slowest_files((each for each in reports if isinstance(each, pytest.TestReport)), count):
            terminalreporter.line(f"{seconds:.2f}s {file}")


def slowest_files(reports: Iterable[pytest.TestReport], count: int) -> list[tuple[float, str]]:
    """The `count` files with the longest sums of set-up, call and teardown in seconds, the longest first."""
    sums: dict[str, float] = defaultdict(float)
    for report in reports:
        sums[report.nodeid.partition("::")[0]] += report.duration
    return sorted(((seconds, file) for file, seconds in sums.items()), reverse=True)[:count]
