"""Alarms and the dashboard: what they look at exists, and somebody is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from coordination.metrics import Metric
from functions.reconcile import measures as of_passes
from tests.templates.cluster import Cluster, Resource
from tests.templates.rules.rule import rule
from userdata.agent.observe import measures as of_looks

OWN = "Holdfast"
WRITTEN: Mapping[str, Metric] = {each.name.value: each for each in (*of_passes.ALL, *of_looks.ALL)}
"""What the function and the agents write, by its name."""
# Namespace -> metrics and dimension -> output of what is measured (the services' own guides).
OF_SERVICES: Mapping[str, tuple[frozenset[str], Mapping[str, tuple[str, str]]]] = {
    "AWS/Lambda": (
        frozenset({"Errors", "Invocations", "Throttles"}),
        {"FunctionName": ("lifecycle", "FunctionName")},
    ),
    "AWS/Logs": (frozenset({"IncomingLogEvents"}), {"LogGroupName": ("services", "AuditLogGroupName")}),
    "AWS/NetworkELB": (
        frozenset({"HealthyHostCount"}),
        {
            "LoadBalancer": ("network", "ApiBalancerFullName"),
            "TargetGroup": ("network", "ApiTargetGroupFullName"),
        },
    ),
}
_ALARM, _DASHBOARD = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"
# CloudWatch API reference, PutMetricAlarm: EvaluationPeriods times Period.
_MOST_SECONDS = 86400
_MAX_DESCRIPTION = 1024
_TOLD = {"Fn::If": ["HasAlarmTopics", {"Ref": "AlarmTopicArns"}, {"Ref": "AWS::NoValue"}]}


@rule
def alarms_and_graphs_show_metrics_that_are_written(cluster: Cluster) -> Iterator[str]:
    for alarm in cluster.resources(_ALARM):
        dimensions = {each["Name"]: each["Value"] for each in alarm.properties["Dimensions"]}
        yield from _wrong(
            cluster, str(alarm), alarm.properties["Namespace"], alarm.properties["MetricName"], dimensions
        )
    for dashboard in cluster.resources(_DASHBOARD):
        for title, metric in graphs(dashboard):
            names, values = metric[2::2], metric[3::2]
            where = f"{dashboard}: {title}"
            yield from _wrong(cluster, where, metric[0], metric[1], dict(zip(names, values, strict=True)))


@rule
def every_alarm_says_what_to_do_and_tells_whoever_wants_to_know(cluster: Cluster) -> Iterator[str]:
    told = {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "AlarmTopicArns"}]}, ""]}]}
    for alarm in cluster.resources(_ALARM):
        properties = alarm.properties
        if cluster.templates[alarm.layer]["Conditions"].get("HasAlarmTopics") != told:
            yield f"{alarm}: an empty list of topics would be an action"
        if properties.get("AlarmActions") != _TOLD or properties.get("OKActions") != _TOLD:
            yield f"{alarm}: does not tell AlarmTopicArns of its begin and its end"
        text = properties.get("AlarmDescription", "")
        if not 80 < len(text) <= _MAX_DESCRIPTION:
            yield f"{alarm}: {len(text)} characters of description"
        if properties["Period"] * properties["EvaluationPeriods"] > _MOST_SECONDS:
            yield f"{alarm}: looks at more than a day"
    if cluster.config.monitoring.alarms and not cluster.resources(_ALARM):
        yield "no alarm, and the configuration has them"


@rule
def a_dashboard_has_every_alarm_and_every_metric_of_ours(cluster: Cluster) -> Iterator[str]:
    for dashboard in cluster.resources(_DASHBOARD):
        body, values = _body(dashboard)
        shown = {
            values[name.strip("${}")]["Fn::GetAtt"][0]
            for widget in body["widgets"]
            if widget["type"] == "alarm"
            for name in widget["properties"]["alarms"]
        }
        alarms = {each.logical_id for each in cluster.resources(_ALARM)}
        if shown != alarms:
            yield f"{dashboard}: other alarms than there are: {sorted(shown ^ alarms)}"
        drawn = {metric[1] for _, metric in graphs(dashboard) if metric[0] == OWN}
        # How long a look is away from the one before says something of the project, and nothing of the cluster.
        if drawn != WRITTEN.keys() - {of_looks.LOOK_INTERVAL.name.value}:
            yield f"{dashboard}: other metrics than there are: {sorted(drawn ^ WRITTEN.keys())}"
        yield from _overlaps(dashboard, body["widgets"])


def graphs(dashboard: Resource) -> Iterator[tuple[str, list[Any]]]:
    """Title and metric of each line that is drawn, expressions of CloudFormation's in their places."""
    body, values = _body(dashboard)
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            for metric in widget["properties"]["metrics"]:
                filled = [values[part[2:-1]] if part.startswith("${") else part for part in metric]
                yield widget["properties"]["title"], filled


def _body(dashboard: Resource) -> tuple[dict[str, Any], dict[str, Any]]:
    text, values = dashboard.properties["DashboardBody"]["Fn::Sub"]
    return json.loads(text), values


def _wrong(cluster: Cluster, where: str, namespace: str, name: str, dimensions: Mapping[str, Any]) -> Iterator[str]:
    if namespace == OWN:
        if name not in WRITTEN:
            yield f"{where}: nobody writes {name}"
        if set(dimensions) != {"ClusterUuid"} or not cluster.is_cluster_uuid("monitoring", dimensions["ClusterUuid"]):
            yield f"{where}: {name} is of {dimensions}"
        return
    names, origins = OF_SERVICES[namespace]
    if name not in names or set(dimensions) != set(origins):
        yield f"{where}: {namespace} has no {name} of {sorted(dimensions)}"
    for dimension, (layer, output) in origins.items():
        given = cluster.stacks["monitoring"].properties["Parameters"].get(output)
        wanted = {"Fn::GetAtt": [cluster.stacks[layer].logical_id, f"Outputs.{output}"]}
        if dimensions.get(dimension) != {"Ref": output} or given != wanted:
            yield f"{where}: {dimension} is {dimensions.get(dimension)} of {given}"


def _overlaps(dashboard: Resource, widgets: list[dict[str, Any]]) -> Iterator[str]:
    """The grid has 24 columns, and no two widgets are at one place."""
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        x, y = widget["x"], widget["y"]
        cells = {(x + dx, y + dy) for dx in range(widget["width"]) for dy in range(widget["height"])}
        if x + widget["width"] > 24 or cells & taken:
            yield f"{dashboard}: the widget {widget['properties'].get('title')} does not fit"
        taken |= cells
