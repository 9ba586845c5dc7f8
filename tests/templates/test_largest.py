"""The largest configuration that is accepted still fits into AWS's limits."""

from __future__ import annotations

import pytest

from generator.config.model import ClusterConfig, ControlPlane, Pool
from tests.templates.cluster import Cluster, generated
from tests.templates.rules import RULES, violations

# As many pools as the schema allows, each name as long as it may be.
_POOLS = tuple(Pool(name=f"{'n' * 22}{index:02}") for index in range(12))


@pytest.fixture(scope="module")
def largest() -> Cluster:
    config = ClusterConfig(zones=6, control_plane=ControlPlane(slots=5), pools=_POOLS)
    return generated("largest", config)


@pytest.mark.parametrize("rule", RULES)
def test_the_largest_configuration_holds_the_rule(rule: str, largest: Cluster) -> None:
    assert violations(rule, largest) == []
