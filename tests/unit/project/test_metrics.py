"""docs/metrics.md names every metric that the function and the agents write, with its unit and who writes it."""

from __future__ import annotations

import re

from coordination.names import METRIC_NAMESPACE, MetricDimension
from functions.reconcile import measures as of_function
from tests.unit.project.rooms import ROOT
from userdata.agent.observe import measures as of_agent

TEXT = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (function|leading agent), ", re.MULTILINE)


def test_every_metric_is_in_the_table_with_its_unit_and_who_writes_it() -> None:
    written = [(metric.name, metric.unit.value, "function") for metric in of_function.ALL]
    written += [(metric.name, metric.unit.value, "leading agent") for metric in of_agent.ALL]
    assert ROW.findall(TEXT) == written


def test_namespace_and_dimensions_are_named() -> None:
    for name in (METRIC_NAMESPACE, *MetricDimension):
        assert f"`{name}`" in TEXT
