"""How far logs are shipped, as the shipping program tells `status`, and what of it needs somebody."""

from __future__ import annotations

import pytest

from userdata.shipping.progress import LogProgress, Progress, behind, document, parse

NOW = 1_800_000_000.0


def at(seconds_ago: float, *logs: LogProgress) -> Progress:
    return Progress(NOW - seconds_ago, logs)


def log(seconds_ago: float, reason: str = "") -> LogProgress:
    return LogProgress("audit", NOW - seconds_ago, 1, 2, reason)


def test_what_is_written_is_read_again() -> None:
    progress = at(3, log(5, "ThrottlingException"), log(6))
    assert parse(document(progress)) == progress


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"at": 1}', '{"at": 1, "logs": [{}]}', '{"at": "x", "logs": []}']
)
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (at(5, log(5)), []),
        (at(5, log(200, "ThrottlingException")), []),
        (at(5, log(5), log(400, "AccessDenied")), ["the log audit is not shipped: AccessDenied"]),
        (at(5, log(400)), ["the log audit is not shipped: more is written than is taken"]),
        (at(90, log(400)), ["nothing ships this node's logs: look at holdfast-logs.service"]),
    ],
)
def test_a_log_that_is_behind_for_long_needs_somebody(progress: Progress, said: list[str]) -> None:
    assert list(behind(progress, NOW)) == said
