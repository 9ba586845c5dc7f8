"""With an organisation's tags, control planes may tag what they store; without them nobody may."""

from __future__ import annotations

import pytest

from rehearsal.aws.iam.requests.asked import Need
from tests.unit.rehearsal.iam import cluster_policies as cluster
from tests.unit.rehearsal.iam.test_cluster_policies import may

# An example that has tags.
WITH_TAGS = cluster.PROJECT / "tests/templates/golden/production"
PARAMETER = f"arn:aws:ssm:{cluster.START}:parameter/holdfast"
OWN = Need("ssm:AddTagsToResource", f"{PARAMETER}/{cluster.UUID}/1/ca-key", {"aws:RequestTag/owner": "platform"})


def test_a_control_plane_may_tag_the_keys_that_it_stores_through_the_endpoint() -> None:
    assert may("ControlPlane", OWN, endpoint="ssm", folder=WITH_TAGS)
    assert not may("ControlPlane", OWN, came_from=None, folder=WITH_TAGS)


@pytest.mark.parametrize("role", ["Worker", "Function", "Autoscaler"])
def test_nobody_else_may(role: str) -> None:
    assert not may(role, OWN, folder=WITH_TAGS)


def test_another_clusters_parameters_are_left_alone() -> None:
    assert not may("ControlPlane", Need("ssm:AddTagsToResource", f"{PARAMETER}/another/1/ca-key"), folder=WITH_TAGS)


def test_without_tags_nobody_may() -> None:
    assert not may("ControlPlane", OWN)
