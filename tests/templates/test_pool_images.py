"""Images of pools: every rule holds where some pools share one, and where none does."""

from __future__ import annotations

import pytest

from generator.config.model import ClusterConfig, Pool
from tests.templates.cluster import Cluster, generated
from tests.templates.rules import RULES, violations

SHARED, OWN = Pool(name="general"), Pool(name="arm", instance_type="m7g.large", image="own")


def images(cluster: Cluster) -> set[str]:
    """The parameters that are images."""
    declared = cluster.templates["root"]["Parameters"]
    return {name for name, body in declared.items() if body["Type"] == "AWS::EC2::Image::Id"}


@pytest.mark.parametrize(
    ("pools", "named"),
    [
        ((SHARED,), {"WorkerImage"}),
        ((SHARED, OWN), {"WorkerImage", "ArmImage"}),
        ((OWN,), {"ArmImage"}),
    ],
    ids=["shared", "both", "own"],
)
def test_the_root_asks_for_the_images_that_pools_start_from(pools: tuple[Pool, ...], named: set[str]) -> None:
    cluster = generated("images", ClusterConfig(pools=pools))

    assert images(cluster) == {"ControlPlaneImage", *named}
    assert [line for rule in RULES for line in violations(rule, cluster)] == []
