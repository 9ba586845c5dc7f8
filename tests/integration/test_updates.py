"""Updates of a deployed cluster: only what is named changes, and a failure leaves what was there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.cluster import STACK, Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import CLI_SECONDS, LocalAwsHarness, wait_for
from tests.integration.nodes import IN_SERVICE, Nodes

# A deploy, and many updates of it: minutes that `make check` does not have.
pytestmark = pytest.mark.slow

SPEED = 20
NO_ROOM = "MinInstancesInService must be less than the autoscaling group's MaxSize"
NO_REPLACEMENT = "Replacement type updates not supported on stack with disable-rollback."


@pytest.fixture(scope="module")
def cluster(harness: LocalAwsHarness, generated: Generated) -> Cluster:
    """A cluster that is complete. Each test takes it back to a state at rest."""
    config, root = generated("minimal")
    harness.stub_nodes()
    made = Cluster(harness, "holdfast", package(harness, config, root))
    made.create()
    return made


def changes(cluster: Cluster, **parameters: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """A change set with nested stacks: its id, and what it does to each resource that is no stack, by path."""
    kept = [each["ParameterKey"] for each in cluster.stack()["Parameters"] if each["ParameterKey"] not in parameters]
    given: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    given += [{"ParameterKey": key, "UsePreviousValue": True} for key in kept]
    name = f"preview-{'-'.join(parameters)}"
    made = cluster.harness.aws(
        "cloudformation", "create-change-set", "--stack-name", cluster.name, "--change-set-name", name,
        "--include-nested-stacks", "--use-previous-template", "--capabilities", "CAPABILITY_IAM",
        "--parameters", json.dumps(given),
    )  # fmt: skip
    return made["Id"], _described(cluster, made["Id"], "")


def _described(cluster: Cluster, change_set: str, prefix: str) -> dict[str, dict[str, Any]]:
    def status() -> str:
        found = cluster.harness.client("cloudformation").describe_change_set(ChangeSetName=change_set)["Status"]
        return "" if found in ("CREATE_PENDING", "CREATE_IN_PROGRESS") else str(found)

    assert wait_for(status, "the change set is worked out") == "CREATE_COMPLETE"
    answer = cluster.harness.aws("cloudformation", "describe-change-set", "--change-set-name", change_set)
    found: dict[str, dict[str, Any]] = {}
    for each in answer["Changes"]:
        change = each["ResourceChange"]
        path = prefix + change["LogicalResourceId"]
        if change["ResourceType"] == STACK:
            found |= _described(cluster, change["ChangeSetId"], f"{path}/")
        else:
            found[path] = change
    return found


def test_parameters_change_only_what_they_name(cluster: Cluster) -> None:
    paths = {
        "Network/FlowLogGroup",
        "Network/QueryLogGroup",
        "Services/ControlPlaneLogGroup",
        "Services/WorkerLogGroup",
        "Lifecycle/FunctionLogGroup",
        "WorkersGeneral/Group",
    }
    before = cluster.physical_ids()
    change_set, planned = changes(cluster, LogRetentionDays="30", GeneralMaxSize="12")
    assert set(planned) == paths
    assert {(change["Action"], change["Replacement"]) for change in planned.values()} == {("Modify", "False")}

    cluster.harness.aws("cloudformation", "execute-change-set", "--change-set-name", change_set)
    assert cluster.settled() == "UPDATE_COMPLETE"
    assert cluster.physical_ids() == before
    updated = {path for path, each in cluster.resources().items() if each["ResourceStatus"] == "UPDATE_COMPLETE"}
    assert paths <= updated


def test_what_the_change_sets_said_is_what_was_done(cluster: Cluster, harness: LocalAwsHarness) -> None:
    ids = cluster.physical_ids()
    found = harness.client("logs").describe_log_groups(logGroupNamePrefix=ids["Services/WorkerLogGroup"])["logGroups"]
    assert [each["retentionInDays"] for each in found] == [30]
    name = ids["WorkersGeneral/Group"]
    groups = harness.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    assert [(group["MinSize"], group["MaxSize"]) for group in groups] == [(2, 12)]


def test_another_image_rolls_every_slot_and_pool_and_the_update_ends(
    cluster: Cluster, harness: LocalAwsHarness
) -> None:
    (image,) = harness.client("ec2").describe_images(ImageIds=[cluster.values["WorkerImage"]])["Images"]
    other = harness.client("ec2").copy_image(Name="other", SourceImageId=image["ImageId"], SourceRegion=harness.region)
    nodes, wanted = Nodes(cluster), other["ImageId"]

    def images() -> set[str]:
        serving = [name for name, state in nodes.states().items() if state == IN_SERVICE]
        pages = harness.client("ec2").describe_instances(InstanceIds=serving)["Reservations"]
        return {each["ImageId"] for page in pages for each in page["Instances"]}

    assert cluster.update(ControlPlaneImage=wanted, WorkerImage=wanted) == "UPDATE_COMPLETE"
    assert images() == {wanted}


def test_a_failing_update_rolls_back_and_says_why(cluster: Cluster) -> None:
    before = cluster.physical_ids()
    assert cluster.update(GeneralMinSize="9", GeneralMaxSize="4") == "UPDATE_ROLLBACK_COMPLETE"
    reasons = _reasons(cluster, "WorkersGeneral", "Group")
    assert NO_ROOM in "".join(reasons)
    assert cluster.physical_ids() == before


def test_a_pool_without_room_for_an_update_is_refused_before_anything_changes(cluster: Cluster) -> None:
    before = cluster.stack()
    said, _ = cluster.start_deploy(GeneralMinSize="4", GeneralMaxSize="4").communicate(timeout=CLI_SECONDS)
    assert "GeneralMaxSize must be more than GeneralMinSize: an update needs room for one more node" in said
    assert cluster.stack() == before


def test_a_stopped_update_refuses_replacements_and_is_continued_later(cluster: Cluster) -> None:
    before = cluster.physical_ids()
    assert cluster.update("--disable-rollback", GeneralMinSize="9", GeneralMaxSize="4") == "UPDATE_FAILED"
    assert cluster.stack()["DisableRollback"] is True

    # An IAM role cannot change its path, so this would make every role anew.
    status = cluster.update("--disable-rollback", GeneralMinSize="2", GeneralMaxSize="4", RolePath="/other/")
    assert status == "UPDATE_FAILED"
    assert NO_REPLACEMENT in "".join(_reasons(cluster, "Iam", "WorkerRole"))
    assert cluster.physical_ids() == before

    assert cluster.update("--disable-rollback", GeneralMaxSize="5", RolePath="/holdfast/") == "UPDATE_COMPLETE"
    assert cluster.physical_ids() == before
    unsettled = {path for path, each in cluster.resources().items() if not each["ResourceStatus"].endswith("_COMPLETE")}
    assert unsettled == set()


def _reasons(cluster: Cluster, stack: str, logical_id: str) -> list[str]:
    """Why a resource of a nested stack could not be updated."""
    return [
        event["ResourceStatusReason"]
        for event in cluster.events(stack)
        if (event["LogicalResourceId"], event["ResourceStatus"]) == (logical_id, "UPDATE_FAILED")
    ]
