"""Metrics of the function and of the agents, as lines of CloudWatch's embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html:
CloudWatch Logs makes metrics of every such line that it stores, whoever wrote it, so neither needs a permission more.
A value that is not known is left out: 0 would say that it is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from coordination.names import METRIC_NAMESPACE, MetricDimension, MetricName

MOST_CLASSES = 20
"""How many classes of conditions are told at once; there are about as many in all."""
_OTHER = "Other"
_LONGEST_CLASS = 40


class Unit(StrEnum):
    """What a value counts, in CloudWatch's words."""

    COUNT = "Count"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    BYTES = "Bytes"


@dataclass(frozen=True)
class Metric:
    """One metric. docs/metrics.md explains each."""

    name: MetricName
    unit: Unit


Values = Mapping[Metric, float | None]
"""None for what is not known."""

CONDITIONS = Metric(MetricName.CONDITIONS, Unit.COUNT)
"""The one that is also told by the class of the conditions."""


def classes(names: Iterable[str]) -> dict[str, int]:
    """How many of these conditions there are of each class: what stands before the `/` of `RemovalWaits/i-…`.

    People may store conditions of any name, and every class is billed: names that are none of ours are one class.
    """
    found = Counter(_class(name) for name in names)
    kept = sorted(found, key=lambda each: (each == _OTHER, each))[:MOST_CLASSES]
    return {name: found[name] for name in kept}


def lines(cluster_uuid: str, at: float, values: Values, conditions: Mapping[str, int] | None = None) -> list[str]:
    """One line for `values`, and one for each class of `conditions`; `at` is in seconds since 1970."""
    cluster = {MetricDimension.CLUSTER: cluster_uuid}
    documents = [document(cluster, at, values)]
    for name, count in (conditions or {}).items():
        documents.append(document({**cluster, MetricDimension.CONDITION: name}, at, {CONDITIONS: count}))
    return [json.dumps(each, allow_nan=False) for each in documents if each is not None]


def document(dimensions: Mapping[MetricDimension, str], at: float, values: Values) -> dict[str, Any] | None:
    """The document of one line; None where no value is known."""
    known = {metric: value for metric, value in values.items() if value is not None and isfinite(value)}
    if not known:
        return None
    directive = {
        "Namespace": METRIC_NAMESPACE,
        "Dimensions": [[name.value for name in dimensions]],
        "Metrics": [{"Name": metric.name.value, "Unit": metric.unit.value} for metric in known],
    }
    return {
        "_aws": {"Timestamp": round(at * 1000), "CloudWatchMetrics": [directive]},
        **{name.value: value for name, value in dimensions.items()},
        **{metric.name.value: value for metric, value in known.items()},
    }


def _class(condition: str) -> str:
    name = condition.partition("/")[0]
    is_ours = name.isascii() and name.isalpha() and name[:1].isupper() and len(name) <= _LONGEST_CLASS
    return name if is_ours else _OTHER
