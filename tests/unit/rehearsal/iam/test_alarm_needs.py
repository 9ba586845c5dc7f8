"""What requests about alarms and dashboards need."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.rehearsal.iam.test_creation_needs import PLACE, TAGS, needs

ALARMS = f"arn:aws:cloudwatch:{PLACE}:alarm:"
BOARDS = f"arn:aws:cloudwatch::{PLACE.rpartition(':')[2]}:dashboard/"


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("PutMetricAlarm", {"AlarmName": "a"}, [("PutMetricAlarm", f"{ALARMS}a")]),
        (
            "PutMetricAlarm",
            {"AlarmName": "a", "Tags": TAGS},
            [("PutMetricAlarm", f"{ALARMS}a"), ("TagResource", f"{ALARMS}a")],
        ),
        ("DescribeAlarms", {}, [("DescribeAlarms", f"{ALARMS}*")]),
        (
            "DeleteAlarms",
            {"AlarmNames": ["a", "b"]},
            [("DeleteAlarms", f"{ALARMS}a"), ("DeleteAlarms", f"{ALARMS}b")],
        ),
        (
            "PutDashboard",
            {"DashboardName": "d", "DashboardBody": "{}", "Tags": TAGS},
            [("PutDashboard", f"{BOARDS}d"), ("TagResource", f"{BOARDS}d")],
        ),
        ("GetDashboard", {"DashboardName": "d"}, [("GetDashboard", f"{BOARDS}d")]),
        ("DeleteDashboards", {"DashboardNames": ["d"]}, [("DeleteDashboards", f"{BOARDS}d")]),
        ("TagResource", {"ResourceARN": f"{BOARDS}d", "Tags": TAGS}, [("TagResource", f"{BOARDS}d")]),
        ("UntagResource", {"ResourceARN": f"{ALARMS}a", "TagKeys": ["k"]}, [("UntagResource", f"{ALARMS}a")]),
    ],
)
def test_an_action_is_on_each_alarm_or_dashboard_that_it_names(
    operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = [(each.action, each.resource) for each in needs("cloudwatch", operation, **parameters)]
    assert found == [(f"cloudwatch:{action}", resource) for action, resource in expected]
