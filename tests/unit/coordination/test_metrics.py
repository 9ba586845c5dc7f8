"""Lines of metrics are what CloudWatch's specification wants, whatever is measured, and cost what they may."""

from __future__ import annotations

import json
from math import inf, isfinite, nan
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination import metrics
from coordination.metrics import CONDITIONS, MOST_CLASSES, Metric, Unit, Values
from coordination.names import MetricDimension, MetricName

UUID = "0b1c2d3e-aaaa-bbbb-cccc-0123456789ab"
AT = 1_800_000_000.0
HOOKS = Metric(MetricName.HELD_HOOKS, Unit.COUNT)
AGE = Metric(MetricName.OLDEST_HOOK_AGE, Unit.SECONDS)

# What the specification's own schema says, without its titles and examples, and beside it what its text says (at most
# 100 metrics, whose values are numbers and stand at the root, and dimensions of at most 1024 characters there):
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
_NAME = {"type": "string", "pattern": "^(.*)$", "minLength": 1, "maxLength": 1024}
_UNITS = (
    "Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|"
    "Terabits|Percent|Count|Bytes/Second|Kilobytes/Second|Megabytes/Second|Gigabytes/Second|Terabytes/Second|"
    "Bits/Second|Kilobits/Second|Megabits/Second|Gigabits/Second|Terabits/Second|Count/Second|None"
)
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": _NAME,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "array",
                "maxItems": 30,
                "items": {"type": "string", "minLength": 1, "maxLength": 250},
            },
        },
        "Metrics": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["Name"],
                "properties": {
                    "Name": _NAME,
                    "Unit": {"type": "string", "pattern": f"^({_UNITS})$"},
                    "StorageResolution": {"type": "integer"},
                },
            },
        },
    },
}
SCHEMA = jsonschema.Draft202012Validator(
    {
        "type": "object",
        "required": ["_aws"],
        "properties": {
            "_aws": {
                "type": "object",
                "required": ["Timestamp", "CloudWatchMetrics"],
                "properties": {
                    "Timestamp": {"type": "integer"},
                    "CloudWatchMetrics": {"type": "array", "items": _DIRECTIVE},
                },
            }
        },
    }
)
_LARGEST_BYTES = 4096
"""CloudWatch takes 1 MB; ours are far below, for every byte is billed."""

numbers = st.none() | st.integers() | st.floats()
values = st.dictionaries(st.sampled_from(MetricName), st.tuples(st.sampled_from(Unit), numbers)).map(
    lambda drawn: {Metric(name, unit): value for name, (unit, value) in drawn.items()}
)
conditions = st.lists(st.text(max_size=60) | st.from_regex(r"[A-Z][A-Za-z]{1,45}(/i-[0-9a-f]{8})?", fullmatch=True))


def valid(line: str) -> dict[str, Any]:
    """What a line holds, if CloudWatch takes it."""
    assert "\n" not in line
    assert len(line.encode()) <= _LARGEST_BYTES
    found: dict[str, Any] = json.loads(line, parse_constant=_refuse)
    SCHEMA.validate(found)
    for directive in found["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            value = found[metric["Name"]]
            assert type(value) in (int, float)
            assert isfinite(value)
        for name in (name for each in directive["Dimensions"] for name in each):
            assert isinstance(found[name], str)
            assert 1 <= len(found[name]) <= 1024
    return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@given(values, conditions, st.floats(0, 4e9))
def test_whatever_is_measured_is_one_valid_line_each_with_finite_numbers(
    found: Values, names: list[str], at: float
) -> None:
    lines = metrics.lines(UUID, at, found, metrics.classes(names))
    documents = [valid(line) for line in lines]
    assert len(documents) <= 1 + MOST_CLASSES
    for each in documents:
        assert each["_aws"]["Timestamp"] == round(at * 1000)
        assert each[MetricDimension.CLUSTER] == UUID


@given(conditions)
def test_every_condition_counts_in_one_class_and_no_instance_is_named(names: list[str]) -> None:
    found = metrics.classes(names)
    assert len(found) <= MOST_CLASSES
    assert not any("/" in name or "-" in name for name in found)
    if len(found) < MOST_CLASSES:
        assert sum(found.values()) == len(names)


def test_a_line_has_its_values_at_the_root_and_the_cluster_as_its_only_dimension() -> None:
    (line,) = metrics.lines(UUID, AT, {HOOKS: 2, AGE: 61.5})
    assert valid(line) == {
        "_aws": {
            "Timestamp": 1_800_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Holdfast",
                    "Dimensions": [["ClusterUuid"]],
                    "Metrics": [
                        {"Name": "HeldHooks", "Unit": "Count"},
                        {"Name": "OldestHookAge", "Unit": "Seconds"},
                    ],
                }
            ],
        },
        "ClusterUuid": UUID,
        "HeldHooks": 2,
        "OldestHookAge": 61.5,
    }


def test_conditions_have_a_line_for_each_class() -> None:
    names = ["RemovalWaits/i-1", "RemovalWaits/i-2", "SilentMembers", "written by hand"]
    lines = metrics.lines(UUID, AT, {CONDITIONS: 4}, metrics.classes(names))
    whole, *by_class = [valid(line) for line in lines]
    assert whole["Conditions"] == 4
    assert "Condition" not in whole
    assert [(each["Condition"], each["Conditions"]) for each in by_class] == [
        ("RemovalWaits", 2),
        ("SilentMembers", 1),
        ("Other", 1),
    ]
    assert by_class[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["ClusterUuid", "Condition"]]


def test_no_more_classes_are_told_than_may_be_billed() -> None:
    names = [f"{letter}Waits/i-1" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert len(metrics.classes(names)) == MOST_CLASSES


@pytest.mark.parametrize("unknown", [None, nan, inf, -inf])
def test_what_is_not_known_is_left_out_and_is_not_0(unknown: float | None) -> None:
    (line,) = metrics.lines(UUID, AT, {HOOKS: 0, AGE: unknown})
    found = valid(line)
    assert "OldestHookAge" not in line
    assert found["HeldHooks"] == 0


def test_where_nothing_is_known_nothing_is_written() -> None:
    assert metrics.lines(UUID, AT, {HOOKS: None}) == []
