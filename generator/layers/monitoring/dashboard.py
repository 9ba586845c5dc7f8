"""The dashboard: the alarms, how etcd and the slots are, and what the function does.

CloudWatch API reference, "Dashboard Body Structure and Syntax".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from troposphere import AWSHelperFn, GetAtt, Region, Sub, Template
from troposphere.cloudwatch import Alarm, Dashboard

from coordination.names import MetricName
from generator.config.model import ClusterConfig
from generator.layers.monitoring.sources import Source, Sources

# The grid is 24 units wide.
_COLUMNS, _HEIGHT = 3, 6
_WIDTH = 24 // _COLUMNS
_PERIOD_SECONDS = 60


def add(template: Template, config: ClusterConfig, sources: Sources, alarms: Sequence[Alarm]) -> Dashboard:
    """Add it. Its name begins with `holdfast-`, for dashboards of an account are told apart by their names alone."""
    body = _Body()
    widgets = [*_head(body, config.name, alarms)]
    top = max((each["y"] + each["height"] for each in widgets), default=0)
    for index, (title, statistic, metrics) in enumerate(_graphs(sources)):
        row, column = divmod(index, _COLUMNS)
        widgets.append(
            {
                "type": "metric",
                **_place(column * _WIDTH, top + row * _HEIGHT, _WIDTH, _HEIGHT),
                "properties": {
                    "title": title,
                    "region": body.value(Region),
                    "stat": statistic,
                    "period": _PERIOD_SECONDS,
                    "yAxis": {"left": {"min": 0}},
                    "metrics": [body.metric(each) for each in metrics],
                },
            }
        )
    return template.add_resource(
        Dashboard(
            "Dashboard",
            DashboardName=Sub("holdfast-${ClusterUuid}", ClusterUuid=sources.cluster_uuid),
            DashboardBody=body.text({"widgets": widgets}),
        )
    )


def _graphs(sources: Sources) -> Iterator[tuple[str, str, list[Source]]]:
    """Title, statistic and metrics of each graph."""
    own = sources.own
    yield "Slots that are whole", "Minimum", [own(MetricName.SLOTS_WHOLE)]
    members = [MetricName.VOTERS, MetricName.VOTERS_ANSWERING, MetricName.VOTERS_SILENT, MetricName.LEARNERS]
    yield "Members of etcd", "Maximum", [own(each) for each in members]
    yield "Control planes that answer the balancer", "Minimum", [sources.of_targets("HealthyHostCount")]
    yield "Conditions", "Maximum", [own(MetricName.CONDITIONS)]
    yield (
        "Terminations that are held, changes of members",
        "Maximum",
        [
            own(MetricName.HELD_HOOKS),
            own(MetricName.OPERATIONS_IN_FLIGHT),
        ],
    )
    yield (
        "Age of what is held, and of changes (s)",
        "Maximum",
        [
            own(MetricName.OLDEST_HOOK_AGE),
            own(MetricName.OPERATION_AGE),
        ],
    )
    yield "Age of the last look at etcd (s)", "Maximum", [own(MetricName.OBSERVATION_AGE)]
    yield "Size of etcd's largest database (bytes)", "Maximum", [own(MetricName.DATABASE_SIZE)]
    yield "Events in the audit log", "Sum", [sources.of_audit_log("IncomingLogEvents")]
    yield "Runs of the function", "Sum", [sources.of_function(each) for each in ("Invocations", "Errors", "Throttles")]
    yield "Pass of the function (ms)", "Maximum", [own(MetricName.PASS_DURATION)]
    yield (
        "Requests to AWS, unknown readings of a pass",
        "Maximum",
        [
            own(MetricName.AWS_CALLS),
            own(MetricName.UNKNOWN_READINGS),
        ],
    )


def _head(body: _Body, cluster: str, alarms: Sequence[Alarm]) -> Iterator[dict[str, Any]]:
    """The cluster's name, which is no part of the dashboard's: another one would be another dashboard."""
    if alarms:
        shown = {"title": f"Alarms of {cluster}", "alarms": [body.value(GetAtt(each, "Arn")) for each in alarms]}
        yield {"type": "alarm", **_place(0, 0, _COLUMNS * _WIDTH, 3), "properties": shown}
    else:
        yield {"type": "text", **_place(0, 0, _COLUMNS * _WIDTH, 1), "properties": {"markdown": f"# {cluster}"}}


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}


class _Body:
    """JSON with expressions of CloudFormation's in it."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def value(self, expression: AWSHelperFn) -> str:
        """What stands in the JSON for an expression; its value is text that JSON has not to escape."""
        known = next((name for name, each in self._values.items() if each is expression), None)
        name = known or f"V{len(self._values)}"
        self._values[name] = expression
        return f"${{{name}}}"

    def metric(self, source: Source) -> list[str]:
        """A metric as an array."""
        return [
            source.namespace,
            source.name,
            *(part for key, each in source.dimensions for part in (key, self.value(each))),
        ]

    def text(self, document: dict[str, Any]) -> Sub:
        return Sub(json.dumps(document, separators=(",", ":")), **self._values)
