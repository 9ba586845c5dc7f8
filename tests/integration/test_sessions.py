"""A cluster with shells by Session Manager on the local AWS: what its outputs name, and how it is deleted."""

from __future__ import annotations

import json

import pytest

from tests.integration.cluster import Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness

# A deploy of its own.
pytestmark = pytest.mark.slow

SPEED = 20


@pytest.fixture(scope="module")
def cluster(harness: LocalAwsHarness, generated: Generated) -> Cluster:
    harness.stub_nodes()
    made = Cluster(harness, "holdfast", package(harness, *generated("development")))
    made.create()
    return made


def test_the_outputs_name_the_document_and_the_policy(cluster: Cluster, harness: LocalAwsHarness) -> None:
    ids, outputs = cluster.physical_ids(), cluster.outputs()
    assert outputs["SessionPolicyArn"] == ids["Services/SessionPolicy"]
    found = harness.client("ssm").get_document(Name=outputs["SessionDocument"])
    inputs = json.loads(found["Content"])["inputs"]
    assert found["DocumentType"] == "Session"
    assert inputs["cloudWatchLogGroupName"] == ids["Services/SessionLogGroup"]
    assert inputs["kmsKeyId"] == outputs["KeyArn"]


def test_a_policy_that_somebody_still_has_holds_the_deletion_up_until_it_is_detached(
    cluster: Cluster, harness: LocalAwsHarness
) -> None:
    iam, stack_id, policy = harness.client("iam"), cluster.stack_id, cluster.outputs()["SessionPolicyArn"]
    iam.create_user(UserName="operator")
    iam.attach_user_policy(UserName="operator", PolicyArn=policy)

    assert cluster.delete() == "DELETE_FAILED"
    assert any("Cannot delete a policy attached to entities" in each for each in cluster.failures())
    iam.detach_user_policy(UserName="operator", PolicyArn=policy)
    harness.aws("cloudformation", "delete-stack", "--stack-name", stack_id)
    assert cluster.settled(stack_id) == "DELETE_COMPLETE"
