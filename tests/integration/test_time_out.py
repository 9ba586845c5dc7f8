"""A cluster whose nodes never come: the real machinery says so, and takes everything away again."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.integration.cluster import Cluster, Resource, package
from tests.integration.conftest import Generated
from tests.integration.harness import CLI_SECONDS, LocalAwsHarness

pytestmark = pytest.mark.slow

SPEED = 30
"""ClusterReady waits for an hour: two minutes here. The stack around it has half an hour more, and the deletions
after it have their limits, too."""
TIMED_OUT = "Failed to receive 1 resource signal(s) within the specified duration"


@pytest.fixture(scope="module")
def cluster(harness: LocalAwsHarness, generated: Generated) -> Cluster:
    """A cluster that somebody has tried to deploy without anything that stands in for its nodes."""
    config, root = generated("development")
    made = Cluster(harness, "silent", package(harness, config, root))
    deploy = made.start_create()
    said, _ = deploy.communicate(timeout=CLI_SECONDS)
    assert (deploy.returncode, "Failed to create/update the stack" in said) == (255, True), said
    return made


def test_a_cluster_without_nodes_is_given_up_after_an_hour(cluster: Cluster, harness: LocalAwsHarness) -> None:
    assert cluster.stack()["StackStatus"] == "ROLLBACK_COMPLETE", cluster.failures()
    said = harness.aws(
        "cloudformation", "describe-stack-events", "--stack-name", cluster.physical_id("Controlplane"),
        "--query", "StackEvents[?LogicalResourceId=='ClusterReady']",
    )  # fmt: skip
    began, ended = (
        next(event for event in said if event["ResourceStatus"] == status)
        for status in ("CREATE_IN_PROGRESS", "CREATE_FAILED")
    )
    assert ended["ResourceStatusReason"] == TIMED_OUT
    assert 3600 <= seconds_between(began, ended) < 2 * 3600


def test_the_root_names_the_layer_that_failed(cluster: Cluster) -> None:
    reasons = [event.get("ResourceStatusReason", "") for event in cluster.events()]
    assert any("The following resource(s) failed to create: [Controlplane" in reason for reason in reasons), reasons
    assert any(TIMED_OUT in reason or "[ClusterReady]" in reason for reason in reasons), reasons


def test_no_machine_is_left_of_it(cluster: Cluster, harness: LocalAwsHarness) -> None:
    assert harness.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    found = harness.client("ec2").describe_instances()["Reservations"]
    assert {each["State"]["Name"] for reservation in found for each in reservation["Instances"]} == {"terminated"}


def seconds_between(began: Resource, ended: Resource) -> float:
    """The seconds between two events."""
    return (datetime.fromisoformat(ended["Timestamp"]) - datetime.fromisoformat(began["Timestamp"])).total_seconds()
