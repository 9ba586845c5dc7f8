"""Every example's templates have no finding of cfn-lint in the regions of their partition."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from generator.config import ClusterConfig
from generator.config.model import Partition
from tests.templates.cluster import EXAMPLES, example, generated
from tests.templates.linting import REGIONS, findings


def test_the_smallest_example_lints_without_error_or_warning(tmp_path: Path) -> None:
    assert findings([example("minimal")], tmp_path) == []


@pytest.mark.slow
def test_every_example_lints_without_error_or_warning(tmp_path: Path) -> None:
    # With tags, which every region has to know wherever they are; the smallest one has none.
    clusters = [generated(name, replace(example(name).config, tags={"owner": "platform"})) for name in EXAMPLES]
    others = set(get_args(Partition)) - {cluster.config.partition for cluster in clusters}
    clusters += [generated(partition, ClusterConfig(partition=partition)) for partition in sorted(others)]

    assert {cluster.config.partition for cluster in clusters} == REGIONS.keys()
    assert findings(clusters, tmp_path) == []


def test_a_property_that_does_not_exist_is_a_finding(tmp_path: Path) -> None:
    cluster = example("minimal").copy()
    layers = ("database",)
    for layer in cluster.templates.keys() - set(layers):
        del cluster.templates[layer]
    cluster.resource("database", "Table").properties["Colour"] = "blue"

    (finding,) = findings([cluster], tmp_path)

    assert "E3002" in finding
    assert "Colour" in finding
