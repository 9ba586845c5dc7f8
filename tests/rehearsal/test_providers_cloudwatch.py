"""The providers of alarms and dashboards."""

from __future__ import annotations

import json
from typing import Any

from tests.rehearsal.provider_stack import SYSTEM_TAGS, Stack, tags_of

TOPIC = "arn:aws:sns:us-east-1:123456789012:pager"
BODY = json.dumps({"widgets": []})
WATCHED: dict[str, Any] = {
    "Namespace": "Holdfast",
    "MetricName": "SlotsWhole",
    "Dimensions": [{"Name": "ClusterUuid", "Value": "u"}],
    "Statistic": "Maximum",
    "ComparisonOperator": "LessThanThreshold",
    # Text, as a parameter's value is.
    "Threshold": "3",
    "Period": "300",
    "EvaluationPeriods": 6,
    "TreatMissingData": "breaching",
}


def alarm_of(stack: Stack, name: str) -> dict[str, Any]:
    (found,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(found)


def tags(stack: Stack, arn: str) -> dict[str, str]:
    return tags_of(stack.client("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"])


def test_an_alarm_changes_in_place_and_keeps_its_tags(stack: Stack) -> None:
    made = stack.create("Slots", "AWS::CloudWatch::Alarm", **WATCHED, AlarmActions=[TOPIC])
    found = alarm_of(stack, made.physical_id)
    assert made.attributes == {"Arn": found["AlarmArn"]}
    assert made.physical_id.startswith(f"{stack.name}-Slots-")
    assert {name: found[name] for name in WATCHED} == {**WATCHED, "Threshold": 3.0, "Period": 300}
    assert tags(stack, found["AlarmArn"]) == {"team": "blue", **SYSTEM_TAGS}

    changed = stack.update("Slots", Threshold=5, AlarmActions=None, Tags=[{"Key": "a", "Value": "b"}])
    assert changed == made
    found = alarm_of(stack, made.physical_id)
    assert (found["Threshold"], found["AlarmActions"]) == (5.0, [])
    assert tags(stack, found["AlarmArn"]) == {"team": "blue", "a": "b", **SYSTEM_TAGS}

    stack.delete_all()
    assert stack.client("cloudwatch").describe_alarms(AlarmNames=[made.physical_id])["MetricAlarms"] == []


def test_a_dashboard_changes_in_place_and_keeps_its_tags(stack: Stack) -> None:
    cloudwatch = stack.client("cloudwatch")
    made = stack.create("Board", "AWS::CloudWatch::Dashboard", DashboardName="holdfast-u", DashboardBody="{}")
    arn = "arn:aws:cloudwatch::123456789012:dashboard/holdfast-u"
    assert cloudwatch.get_dashboard(DashboardName=made.physical_id)["DashboardArn"] == arn
    assert tags(stack, arn) == {"team": "blue", **SYSTEM_TAGS}

    assert stack.update("Board", DashboardBody=BODY, Tags=[{"Key": "a", "Value": "b"}]) == made
    assert cloudwatch.get_dashboard(DashboardName=made.physical_id)["DashboardBody"] == BODY
    assert tags(stack, arn) == {"team": "blue", "a": "b", **SYSTEM_TAGS}
    stack.update("Board", Tags=None)
    assert tags(stack, arn) == {"team": "blue", **SYSTEM_TAGS}

    stack.delete_all()
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
