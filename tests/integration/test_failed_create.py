"""Creates that do not end well: nothing is left of a cluster that never was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.local import inventory
from tests.integration.cluster import Cluster, Package, Resource, package
from tests.integration.conftest import Generated
from tests.integration.harness import CLI_SECONDS, LocalAwsHarness, wait_for
from tests.integration.nodes import IN_SERVICE, WAITS_TO_LAUNCH, Nodes

pytestmark = pytest.mark.slow

SPEED = 10
HEARTBEAT_SECONDS = 1800
"""What a hook waits for where nobody answers it."""


@pytest.fixture(scope="module")
def packaged(harness: LocalAwsHarness, generated: Generated) -> Package:
    """Templates to deploy, in an account that holds nothing else."""
    config, root = generated("minimal")
    return package(harness, config, root)


@pytest.fixture
def before(harness: LocalAwsHarness, packaged: Package) -> inventory.Inventory:
    """What there is before the cluster."""
    return inventory.take(harness.client)


@pytest.fixture
def cluster(harness: LocalAwsHarness, packaged: Package, before: inventory.Inventory) -> Iterator[Cluster]:
    """A cluster in creation whose nodes nothing stands in for: ClusterReady waits for them."""
    made = Cluster(harness, "never", packaged)
    deploy = made.start_create()
    wait_for(
        lambda: made.exists() and "Controlplane/ClusterReady" in made.resources(), "the create waits for the nodes"
    )
    yield made
    said, _ = deploy.communicate(timeout=CLI_SECONDS)
    assert (deploy.returncode, "Failed to create/update the stack" in said) == (255, True), said


def nothing_is_left(harness: LocalAwsHarness, before: inventory.Inventory, *expected: str) -> None:
    """Nothing there is now was not there before but what is expected; machines need a moment to be gone."""

    def left() -> set[tuple[str, str]]:
        return {each for each in inventory.take(harness.client) - before if each[1] not in expected}

    assert wait_for(lambda: not left(), f"nothing is left; first: {sorted(left())}")


def test_a_create_that_fails_with_three_voters_rolls_back_within_minutes_and_leaves_nothing(
    cluster: Cluster, harness: LocalAwsHarness, before: inventory.Inventory
) -> None:
    nodes = Nodes(cluster)
    voters: list[str] = []

    def all_vote() -> bool:
        voters.extend(nodes.become_voters())
        return len(voters) == 3

    wait_for(all_vote, "three nodes wait for their launch hooks")
    wait_for(lambda: set(nodes.states("control-plane").values()) == {IN_SERVICE}, "three voters are in service")
    rows = harness.client("dynamodb").scan(TableName=nodes.table)["Items"]
    assert {row["Id"]["S"] for row in rows if row.get("State") == {"S": "voter"}} == {
        f"member#{each}" for each in voters
    }
    key = cluster.physical_id("Iam/Key")

    harness.aws(
        "cloudformation", "signal-resource", "--stack-name", cluster.physical_id("Controlplane"),
        "--logical-resource-id", "ClusterReady", "--unique-id", voters[0], "--status", "FAILURE",
    )  # fmt: skip
    assert cluster.settled() == "ROLLBACK_COMPLETE", cluster.failures()

    assert f"Received FAILURE signal with UniqueId {voters[0]}" in "".join(cluster.failures())
    # On the accelerated clock: no hook was left to run out.
    times = {event["ResourceStatus"]: event["Timestamp"] for event in cluster.events() if _of_root(event)}
    assert (times["ROLLBACK_COMPLETE"] - times["ROLLBACK_IN_PROGRESS"]).total_seconds() < HEARTBEAT_SECONDS
    # The record of a stack that was rolled back stays until somebody deletes it.
    nothing_is_left(harness, before, cluster.name, key)
    assert harness.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"

    assert cluster.delete() == "DELETE_COMPLETE"


def test_a_delete_in_the_middle_of_a_create_leaves_only_what_the_templates_retain(
    cluster: Cluster, harness: LocalAwsHarness, before: inventory.Inventory
) -> None:
    nodes = Nodes(cluster)
    wait_for(lambda: WAITS_TO_LAUNCH in nodes.states("control-plane").values(), "a node waits for its launch hook")
    kept = cluster.kept()
    assert cluster.stack()["StackStatus"] == "CREATE_IN_PROGRESS"
    assert cluster.delete() == "DELETE_COMPLETE"
    nothing_is_left(harness, before, *kept)


def _of_root(event: Resource) -> bool:
    return bool(event["PhysicalResourceId"] == event["StackId"])
