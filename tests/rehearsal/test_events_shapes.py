"""The pure parts of EventBridge: schedules and the input that a target gets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rehearsal.aws.services.event_input import for_target
from rehearsal.aws.services.event_schedules import next_time

MONDAY = datetime(2026, 1, 5, 10, 30, 20, tzinfo=UTC)
TEMPLATE = '{"id": <id>, "text": "<id> has <count>", "name": "<name>", "all": <aws.events.event>}'
EVENT = {"source": "s", "detail": {"id": "i-1", "count": 3, "items": [{"name": 'a "b"'}]}}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", "2026-01-05 10:31:20"),
        ("rate(2 hours)", "2026-01-05 12:30:20"),
        ("rate(1 day)", "2026-01-06 10:30:20"),
        ("cron(0/15 * * * ? *)", "2026-01-05 10:45:00"),
        ("cron(30 10 * * ? *)", "2026-01-06 10:30:00"),
        ("cron(0 3 ? * SUN *)", "2026-01-11 03:00:00"),
        ("cron(0 3 ? * 2-6 *)", "2026-01-06 03:00:00"),
        ("cron(5,10 0 1 JAN,MAR ? *)", "2026-03-01 00:05:00"),
    ],
)
def test_a_schedule_fires_at_its_next_time(expression: str, expected: str) -> None:
    found = next_time(expression, MONDAY)
    assert found is not None
    assert found.strftime("%Y-%m-%d %H:%M:%S") == expected


def test_a_schedule_in_the_past_never_fires_again() -> None:
    assert next_time("cron(0 0 1 1 ? 2020)", MONDAY) is None


@pytest.mark.parametrize(
    "expression", ["rate(1 week)", "every minute", "cron(0 0 * *)", "cron(61 0 * * ? *)", "cron(0 0 L * ? *)"]
)
def test_an_expression_that_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"cron|schedule"):
        next_time(expression, MONDAY)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, EVENT),
        ({"Input": '{"fixed": true}'}, {"fixed": True}),
        ({"InputPath": "$.detail.items[0].name"}, 'a "b"'),
        ({"InputPath": "$.detail.missing"}, None),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.id", "count": "$.detail.count", "name": "$.detail.items[0].name"},
                    "InputTemplate": TEMPLATE,
                }
            },
            {"id": "i-1", "text": "i-1 has 3", "name": 'a "b"', "all": EVENT},
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '"gone: <id>"'}},
            "gone: i-1",
        ),
    ],
    ids=["event", "constant", "path", "missing path", "template", "text"],
)
def test_a_target_gets_what_it_asks_for(target: dict[str, Any], expected: Any) -> None:
    assert for_target(target, EVENT) == expected
