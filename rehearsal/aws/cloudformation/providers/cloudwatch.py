"""CloudWatch: alarms and dashboards. What alarms watch is not evaluated here."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, tag_changes, tags_of

_NAME_LENGTH = 255


class Alarm:
    """AWS::CloudWatch::Alarm. Ref is the alarm's name."""

    type_name = "AWS::CloudWatch::Alarm"
    properties = frozenset(
        """ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm Dimensions
        EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName Namespace OKActions Period Statistic Tags
        Threshold TreatMissingData Unit""".split()
    )
    create_only = frozenset({"AlarmName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the alarm with its tags."""
        name = properties.get("AlarmName") or context.physical_name(_NAME_LENGTH)
        return self._put(context, name, {**properties, "Tags": _tags(context, properties)})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Put the whole alarm anew; PutMetricAlarm leaves the tags of one that exists."""
        made = self._put(context, physical_id, {**new, "Tags": None})
        _change_tags(context, made.attributes["Arn"], new)
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete it."""
        with already_gone("ResourceNotFound"):
            context.client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    @staticmethod
    def _put(context: Context, name: str, properties: dict[str, Any]) -> Made:
        cloudwatch = context.client("cloudwatch")
        cloudwatch.put_metric_alarm(**api_values(cloudwatch, "PutMetricAlarm", {**properties, "AlarmName": name}))
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return Made(name, {"Arn": alarm["AlarmArn"]})


class Dashboard:
    """AWS::CloudWatch::Dashboard. Ref is the dashboard's name."""

    type_name = "AWS::CloudWatch::Dashboard"
    properties = frozenset({"DashboardBody", "DashboardName", "Tags"})
    create_only = frozenset({"DashboardName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the dashboard with its tags."""
        name = properties.get("DashboardName") or context.physical_name(_NAME_LENGTH)
        return self._put(context, name, properties, Tags=_tags(context, properties))

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change what it shows, and its tags."""
        made = self._put(context, physical_id, new)
        _change_tags(context, _arn(context, physical_id), new)
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete it."""
        with already_gone("ResourceNotFound"):
            context.client("cloudwatch").delete_dashboards(DashboardNames=[physical_id])

    @staticmethod
    def _put(context: Context, name: str, properties: dict[str, Any], **tags: Any) -> Made:
        cloudwatch = context.client("cloudwatch")
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=properties["DashboardBody"], **tags)
        return Made(name, {})


def _tags(context: Context, properties: dict[str, Any]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags_of(context, properties.get("Tags")).items()]


def _arn(context: Context, name: str) -> str:
    """Dashboards are of no region."""
    return f"arn:{context.partition}:cloudwatch::{context.account_id}:dashboard/{name}"


def _change_tags(context: Context, arn: str, properties: dict[str, Any]) -> None:
    cloudwatch = context.client("cloudwatch")
    present = {each["Key"]: each["Value"] for each in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}
    gone, changed = tag_changes(present, tags_of(context, properties.get("Tags")))
    if gone:
        cloudwatch.untag_resource(ResourceARN=arn, TagKeys=gone)
    if changed:
        tags = [{"Key": key, "Value": value} for key, value in changed.items()]
        cloudwatch.tag_resource(ResourceARN=arn, Tags=tags)


register(Alarm())
register(Dashboard())
