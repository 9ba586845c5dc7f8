"""An instance that is terminated in a deployed cluster: hook, event, the function's real code, released or held.

The clock runs as it is and the schedule is switched off: what happens is the doing of events and of the table's stream.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from coordination import drains
from coordination.adapters.table import ClusterTable
from coordination.drains import DrainOutcome
from coordination.names import drain_item
from coordination.outcomes import Done, Known
from coordination.record import ClusterRecord, Phase
from rehearsal.local import inventory
from tests.integration.cluster import Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, wait_for
from tests.integration.nodes import IN_SERVICE, WAITS_TO_TERMINATE, Nodes

SPEED = 1
EXAMPLE = "minimal"


@pytest.fixture(scope="module")
def cluster(harness: LocalAwsHarness, generated: Generated) -> Cluster:
    """A cluster that is complete and that no schedule looks at."""
    config, root = generated(EXAMPLE)
    harness.stub_nodes()
    made = Cluster(harness, "holdfast", package(harness, config, root))
    made.create()
    harness.aws("events", "disable-rule", "--name", made.physical_id("Lifecycle/Schedule"))
    return made


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> Nodes:
    """Its machines, table and function."""
    return Nodes(cluster)


def test_a_control_plane_node_that_never_joined_goes_at_once_and_is_replaced(nodes: Nodes) -> None:
    gone = nodes.only_instance(0)
    nodes.terminate(gone)
    wait_for(lambda: gone not in nodes.states(), "the node is gone")
    wait_for(lambda: IN_SERVICE in [each["LifecycleState"] for each in nodes.slot(0)["Instances"]], "another one came")
    assert nodes.only_instance(0) != gone

    (report,) = wait_for(lambda: nodes.decisions(gone, "CompleteHook"), "the function's log")
    assert report["by"] == {"kind": "lifecycle", "instance": gone}
    assert _reason(report, gone) == "no row says that it is a member of etcd"


def test_a_voter_is_held_until_its_row_says_that_etcd_forgot_it(nodes: Nodes, harness: LocalAwsHarness) -> None:
    voter = nodes.only_instance(1)
    nodes.write_row(voter, "voter")
    _wait_for_the_function(nodes, f"member#{voter}")
    nodes.terminate(voter)

    (condition,) = wait_for(lambda: nodes.conditions(voter), "a condition names the node")
    assert condition["Id"]["S"] == f"condition#RemovalWaits/{voter}"
    assert condition["Reason"]["S"] == (
        f"member#{voter} is voter, and its removal waits: no cluster is ready that could remove it"
    )
    assert nodes.states()[voter] == WAITS_TO_TERMINATE
    said = harness.aws(
        "logs", "filter-log-events", "--log-group-name", nodes.log_group, "--filter-pattern", voter,
        "--query", "events[].message",
    )  # fmt: skip
    held = [
        decision for decision in _decisions(said) if (decision["subject"], decision["action"]) == (voter, "Heartbeat")
    ]
    assert {decision["outcome"] for decision in held} == {"Done"}
    assert nodes.decisions(voter, "CompleteHook") == []

    nodes.write_row(voter, "removed")
    wait_for(lambda: voter not in nodes.states(), "the node is gone")
    (report,) = wait_for(lambda: nodes.decisions(voter, "CompleteHook"), "the function's log")
    assert report["by"] == {"kind": "table", "items": [f"member#{voter}"]}
    wait_for(lambda: not nodes.conditions(voter), "the condition is cleared")


def test_a_worker_goes_undrained_where_no_cluster_is_ready_and_the_log_says_so(nodes: Nodes) -> None:
    worker = next(iter(nodes.states("worker")))
    nodes.terminate(worker)
    wait_for(lambda: worker not in nodes.states(), "the worker is gone")
    wait_for(lambda: sorted(nodes.states("worker").values()) == [IN_SERVICE] * 2, "another one came")
    (report,) = wait_for(lambda: nodes.decisions(worker, "CompleteHook"), "the function's log")
    assert _reason(report, worker) == "a worker; no cluster is ready that could drain it"


def test_a_worker_of_a_ready_cluster_is_held_until_an_agent_says_that_it_is_drained(
    nodes: Nodes, cluster: Cluster, harness: LocalAwsHarness
) -> None:
    table = ClusterTable(harness.client("dynamodb"), nodes.table)
    ready = ClusterRecord(cluster.stack_id, Phase.READY, 1, etcd_cluster_id="abc")
    assert table.put(ready.item(), {}) == Done()
    _wait_for_the_function(nodes, "cluster")
    worker = next(iter(nodes.states("worker")))
    nodes.terminate(worker)
    wait_for(lambda: nodes.decisions(worker, "RequestDrain"), "a drain is asked for")
    assert nodes.states()[worker] == WAITS_TO_TERMINATE

    stored = table.get(drain_item(worker))
    assert isinstance(stored, Known)
    assert stored.value is not None
    done = drains.done(drains.drain(stored.value), DrainOutcome.DRAINED, "i-0", int(time.time()))
    assert table.apply(done) == Done()
    wait_for(lambda: worker not in nodes.states(), "the worker is gone")
    (report,) = wait_for(lambda: nodes.decisions(worker, "CompleteHook"), "the function's log")
    assert report["by"] == {"kind": "table", "items": [drain_item(worker)]}
    assert _reason(report, worker) == "a worker; its pods have left it"
    # The next change of the table wakes the function, which no schedule wakes here.
    assert table.delete("cluster", {"Epoch": 1}) == Done()
    wait_for(lambda: table.get(drain_item(worker)) == Known(None), "the item is deleted")


def test_an_instance_of_somebody_else_is_left_alone(nodes: Nodes, cluster: Cluster, harness: LocalAwsHarness) -> None:
    stranger = _foreign_group(cluster, harness)
    harness.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=stranger, ShouldDecrementDesiredCapacity=False
    )
    wait_for(lambda: _state(harness, stranger) == WAITS_TO_TERMINATE, "the foreign hook holds the instance")
    # A worker that goes after it shows that events arrive: the one of the stranger's hook was meant for nobody here.
    worker = next(iter(nodes.states("worker")))
    nodes.terminate(worker)
    wait_for(lambda: nodes.decisions(worker, "CompleteHook"), "the event of a node of ours has arrived")
    assert _state(harness, stranger) == WAITS_TO_TERMINATE
    assert stranger not in json.dumps(list(nodes.reports()))


def test_an_event_of_another_cluster_is_ignored(nodes: Nodes, harness: LocalAwsHarness, tmp_path: Path) -> None:
    event = {
        "source": "aws.autoscaling",
        "detail-type": "EC2 Instance-terminate Lifecycle Action",
        "detail": {"LifecycleHookName": "another-terminating", "EC2InstanceId": "i-0123456789abcdef0"},
    }
    # The AWS CLI of version 1 takes a payload as it stands.
    answer = tmp_path / "answer.json"
    harness.aws("lambda", "invoke", "--function-name", nodes.function, "--payload", json.dumps(event), str(answer))
    assert json.loads(answer.read_text()) == {"outcome": "ignored"}


def test_a_cluster_with_a_held_voter_can_be_deleted(nodes: Nodes, cluster: Cluster, harness: LocalAwsHarness) -> None:
    harness.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="foreign", ForceDelete=True)
    voter = nodes.only_instance(2)
    nodes.write_row(voter, "voter")
    _wait_for_the_function(nodes, f"member#{voter}")
    nodes.terminate(voter)
    wait_for(lambda: nodes.conditions(voter), "a condition names the node")

    # Hooks begin one after the other, and a call that finds another pass at work leaves its own to the schedule.
    harness.aws("events", "enable-rule", "--name", cluster.physical_id("Lifecycle/Schedule"))
    ids, kept = set(cluster.physical_ids().values()), cluster.kept()
    assert cluster.delete() == "DELETE_COMPLETE"
    assert ids & {name for _, name in inventory.take(harness.client)} == kept
    assert not nodes.conditions(voter)


def _foreign_group(cluster: Cluster, harness: LocalAwsHarness) -> str:
    """The instance of a group with a hook of its own that is tagged as another cluster's."""
    autoscaling = harness.client("autoscaling")
    ids = cluster.physical_ids()
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="foreign",
        MinSize=1,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateId": ids["WorkersGeneral/Template"]},
        VPCZoneIdentifier=ids["Network/WorkerSubnet0"],
        LifecycleHookSpecificationList=[
            {
                "LifecycleHookName": "another-terminating",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
                "HeartbeatTimeout": 1800,
                "DefaultResult": "CONTINUE",
            }
        ],
        Tags=[{"Key": "holdfast:cluster", "Value": "another", "PropagateAtLaunch": True}],
    )

    def running() -> list[Any]:
        (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["foreign"])["AutoScalingGroups"]
        return [each["InstanceId"] for each in group["Instances"] if each["LifecycleState"] == IN_SERVICE]

    return str(wait_for(running, "the foreign group has its instance")[0])


def _state(harness: LocalAwsHarness, instance_id: str) -> str:
    found = harness.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance_id])
    return str(found["AutoScalingInstances"][0]["LifecycleState"])


def _wait_for_the_function(nodes: Nodes, item: str) -> None:
    """Wait until the function has looked because of an item: two events at once would find its lease taken."""

    def looked() -> bool:
        return any(item in report.get("by", {}).get("items", []) for report in nodes.reports())

    wait_for(looked, f"the function has seen {item}")


def _decisions(messages: list[str]) -> list[dict[str, str]]:
    return [
        each for message in messages if message.startswith("{") for each in json.loads(message).get("decisions", [])
    ]


def _reason(report: Any, instance_id: str) -> str:
    return str(next(each["reason"] for each in report["decisions"] if each["subject"] == instance_id))
