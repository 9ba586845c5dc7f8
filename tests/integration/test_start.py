"""The start of a cluster: in an account that never had a group, with a first boot that fails; and what updates undo."""

from __future__ import annotations

from collections import Counter

import pytest

from coordination.names import CONTROL_PLANE_ROLE, START_ITEM
from deployment.launches import FailedLaunches
from tests.integration.cluster import Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, wait_for
from tests.integration.nodes import IN_SERVICE, WAITS_TO_LAUNCH, Nodes

SPEED = 20
OPTIONS = ("--fresh-account", "--sizes-go-back")
SLOTS = range(3)


@pytest.fixture(scope="module")
def cluster(harness: LocalAwsHarness, generated: Generated) -> Cluster:
    """A cluster whose first launch Auto Scaling could not carry out, and one of whose first nodes gave up."""
    config, root = generated("minimal")
    made = Cluster(harness, "fresh", package(harness, config, root))
    deploy = made.start_create()
    wait_for(lambda: made.exists() and "Controlplane/ClusterReady" in made.resources(), "the slots are started")
    nodes = Nodes(made)
    wait_for(lambda: list(nodes.states().values()) == [WAITS_TO_LAUNCH] * 3, "every slot has a node that boots")
    (first,) = (each["InstanceId"] for each in nodes.slot(1)["Instances"])
    nodes.abandon(first)
    harness.stub_nodes()
    made.finish(deploy)
    return made


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> Nodes:
    return Nodes(cluster)


def test_the_deploy_ends_well_though_a_launch_and_a_first_boot_have_failed(cluster: Cluster, nodes: Nodes) -> None:
    assert cluster.stack()["StackStatus"] == "CREATE_COMPLETE"
    assert cluster.failures() == []
    failed = {
        (each["StatusCode"], each["StatusMessage"].split(":")[0])
        for slot in SLOTS
        for each in nodes.activities(slot)
        if each["StatusCode"] in ("Failed", "Cancelled")
    }
    assert failed == {
        ("Failed", "Access denied when attempting to assume role arn"),
        ("Cancelled", "Instance failed to complete user's Lifecycle Action"),
    }


def test_whoever_waits_for_the_deploy_is_told_why_launches_have_failed(
    cluster: Cluster, harness: LocalAwsHarness
) -> None:
    said: list[str] = []
    begun = cluster.events()[0]["Timestamp"]
    FailedLaunches(harness.client("autoscaling"), cluster.uuid, said.append).tell(begun, 0.0)
    told = sorted(line.split("LAUNCH_FAILED")[1].split(": ", 1)[1].split(":")[0] for line in said)
    assert told == [
        "Access denied when attempting to assume role arn",
        "Instance failed to complete user's Lifecycle Action",
    ]


def test_every_slot_is_raised_by_the_function_and_its_limits_are_the_templates(nodes: Nodes) -> None:
    sizes = [
        (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) for group in (nodes.slot(slot) for slot in SLOTS)
    ]
    assert sizes == [(0, 1, 2)] * 3
    starts = [report for report in nodes.reports() if report.get("by", {}).get("kind") == "start"]
    assert [(report["outcome"], len(report["decisions"])) for report in starts] == [("answered", 3)]


def test_all_slots_are_started_before_the_cluster_is_waited_for_and_pools_come_last(cluster: Cluster) -> None:
    order = [
        (event["LogicalResourceId"], event["ResourceStatus"])
        for event in cluster.events("Controlplane")
        if event["LogicalResourceId"] in ("Slot0", "Slot1", "Slot2", "Start", "ClusterReady")
    ]
    done = [order.index((name, "CREATE_COMPLETE")) for name in ("Slot0", "Slot1", "Slot2", "Start")]
    assert done == sorted(done)
    assert done[-1] < order.index(("ClusterReady", "CREATE_IN_PROGRESS"))
    root = [(event["LogicalResourceId"], event["ResourceStatus"]) for event in cluster.events()]
    assert root.index(("Controlplane", "CREATE_COMPLETE")) < root.index(("WorkersGeneral", "CREATE_IN_PROGRESS"))


def test_the_table_remembers_the_start(nodes: Nodes, harness: LocalAwsHarness) -> None:
    item = harness.client("dynamodb").get_item(TableName=nodes.table, Key={"Id": {"S": START_ITEM}})["Item"]
    assert set(item) == {"Id", "StartedAt", "RequestId"}


def test_what_an_update_puts_back_the_function_raises_again(cluster: Cluster, nodes: Nodes) -> None:
    asked = starts(nodes)
    assert cluster.update(LaunchHookHeartbeatSeconds="1200") == "UPDATE_COMPLETE"

    def raised() -> bool:
        return all(starts(nodes)[name] > asked[name] for name in asked)

    # Whether a slot's node has gone meanwhile is Auto Scaling's pace: a slot that is raised at once keeps it.
    wait_for(raised, "the function has raised every slot")
    in_service = [IN_SERVICE] * len(SLOTS)
    wait_for(lambda: list(nodes.states(CONTROL_PLANE_ROLE).values()) == in_service, "every slot has a node in service")
    assert [nodes.slot(slot)["DesiredCapacity"] for slot in SLOTS] == [1, 1, 1]


def starts(nodes: Nodes) -> Counter[str]:
    """How often the function has raised each slot, by the name of its group."""
    return Counter(
        decision["subject"]
        for report in nodes.reports()
        for decision in report.get("decisions", [])
        if (decision["action"], decision["outcome"]) == ("StartSlot", "Done")
    )
