"""For all tests: hypothesis is patient, Ctrl-C reaches what they start, and a run that asks for it ends with the files
that took longest."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow now and then, which says nothing about a test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


# Whoever runs the tests in the background has Ctrl-C ignored, also by what is started from there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
