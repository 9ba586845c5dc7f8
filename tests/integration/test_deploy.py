"""The README's deploy, typed by hand: two clusters side by side, and one of them deleted again."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rehearsal.local import inventory
from tests.integration.cluster import STACK, Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, wait_for
from tests.integration.nodes import IN_SERVICE, Nodes, tags_of

SPEED = 20
EXAMPLE = "default"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
LAYERS = {"Iam", "Network", "Database", "Services", "Lifecycle", "Controlplane", "WorkersGeneral", "Monitoring"}


@dataclass(frozen=True)
class Deleted:
    """What a deleted cluster had, was to keep, and what was there afterwards."""

    ids: dict[str, str]
    stack_id: str
    status: str
    kept: set[str]
    left: frozenset[str]


@pytest.fixture(scope="module")
def clusters(harness: LocalAwsHarness, generated: Generated) -> tuple[Cluster, Cluster]:
    """Two clusters in one account and region, both deployed by `aws cloudformation deploy`."""
    config, root = generated(EXAMPLE)
    packaged = package(harness, config, root)
    both = (Cluster(harness, "blue", packaged), Cluster(harness, "green", packaged))
    harness.stub_nodes()
    deploys = [cluster.start_create() for cluster in both]
    for cluster, deploy in zip(both, deploys, strict=True):
        cluster.finish(deploy)
    return both


@pytest.fixture(scope="module")
def cluster(clusters: tuple[Cluster, Cluster]) -> Cluster:
    """The cluster that stays."""
    return clusters[0]


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> Nodes:
    """The nodes of the cluster that stays."""
    return Nodes(cluster)


def test_every_stack_of_the_tree_is_created(cluster: Cluster) -> None:
    assert cluster.stack()["StackStatus"] == "CREATE_COMPLETE"
    nested = {
        path: each["ResourceStatus"] for path, each in cluster.resources().items() if each["ResourceType"] == STACK
    }
    assert nested == dict.fromkeys(LAYERS, "CREATE_COMPLETE")


def test_nothing_of_the_tree_is_anything_but_created(cluster: Cluster) -> None:
    resources = cluster.resources()
    assert len(resources) > 100
    assert {each["ResourceStatus"] for each in resources.values()} == {"CREATE_COMPLETE"}


def test_the_outputs_name_what_was_made(cluster: Cluster) -> None:
    ids, outputs = cluster.physical_ids(), cluster.outputs()
    assert outputs["ClusterUuid"] == cluster.uuid
    assert outputs["ApiEndpoint"] == f"https://api.{cluster.uuid}.holdfast.internal:6443"
    assert outputs["TableName"] == ids["Database/Table"]
    assert outputs["BackupBucket"] == ids["Database/BackupBucket"]
    assert outputs["KeyArn"].endswith(ids["Iam/Key"])
    assert outputs["ControlPlaneGroups"].split(",") == [ids[f"Controlplane/Slot{slot}"] for slot in range(3)]
    assert outputs["WorkerGroups"] == ids["WorkersGeneral/Group"]


def test_every_slot_has_one_node_in_a_zone_of_its_own(nodes: Nodes) -> None:
    zones = []
    for slot in range(3):
        instances = nodes.slot(slot)["Instances"]
        assert [each["LifecycleState"] for each in instances] == [IN_SERVICE]
        zones.append(instances[0]["AvailabilityZone"])
    assert tuple(zones) == ZONES


def test_the_pool_has_its_smallest_number_of_nodes(nodes: Nodes) -> None:
    assert sorted(nodes.states("worker").values()) == [IN_SERVICE, IN_SERVICE]


def test_nodes_run_on_hardware_of_their_own_without_the_old_metadata_service(nodes: Nodes) -> None:
    instances = nodes.instances()
    assert len(instances) == 5
    for instance in instances:
        assert instance["Placement"]["Tenancy"] == "dedicated"
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert "PublicIpAddress" not in instance


def test_nodes_are_tagged_as_whose_they_are_and_what_for(cluster: Cluster, nodes: Nodes) -> None:
    tags = [tags_of(instance) for instance in nodes.instances()]
    assert {each["holdfast:cluster"] for each in tags} == {cluster.uuid}
    assert sorted(each["holdfast:role"] for each in tags) == ["control-plane"] * 3 + ["worker"] * 2
    assert sorted(each["holdfast:slot"] for each in tags if "holdfast:slot" in each) == ["0", "1", "2"]
    assert [each["holdfast:pool"] for each in tags if "holdfast:pool" in each] == ["general", "general"]


def test_a_control_plane_node_keeps_etcd_on_an_encrypted_volume_of_its_own(
    harness: LocalAwsHarness, nodes: Nodes
) -> None:
    sizes = {}
    for role in ("control-plane", "worker"):
        node = next(each for each in nodes.instances() if tags_of(each)["holdfast:role"] == role)
        ids = [mapping["Ebs"]["VolumeId"] for mapping in node["BlockDeviceMappings"]]
        volumes = harness.client("ec2").describe_volumes(VolumeIds=ids)["Volumes"]
        assert all(volume["Encrypted"] and volume["VolumeType"] == "gp3" for volume in volumes)
        sizes[role] = sorted(volume["Size"] for volume in volumes)
    assert sizes == {"control-plane": [20, 50], "worker": [100]}


def test_the_function_protects_the_table_once_the_stack_is_complete(harness: LocalAwsHarness, nodes: Nodes) -> None:
    def protected() -> bool:
        table = harness.client("dynamodb").describe_table(TableName=nodes.table)["Table"]
        return bool(table["DeletionProtectionEnabled"])

    wait_for(protected, "the table is protected")
    assert any(each["action"] == "ProtectTable" for report in nodes.reports() for each in report.get("decisions", []))


def test_the_settings_of_the_nodes_can_be_read(cluster: Cluster) -> None:
    path = f"/holdfast/{cluster.uuid}/settings"
    read = cluster.harness.aws("ssm", "get-parameters-by-path", "--path", path, "--recursive")
    settings = {each["Name"].removeprefix(f"{path}/"): each["Value"] for each in read["Parameters"]}
    assert settings["cluster-id"] == cluster.stack_id
    assert settings["control-plane-slots"] == "3"
    assert settings["backup-bucket"] == cluster.outputs()["BackupBucket"]


@pytest.fixture(scope="module")
def deleted(clusters: tuple[Cluster, Cluster], harness: LocalAwsHarness) -> Deleted:
    """The other cluster, deleted while the first one runs."""
    green = clusters[1]
    ids, kept, stack_id = green.physical_ids(), green.kept(), green.stack_id
    ids |= {instance["InstanceId"]: instance["InstanceId"] for instance in Nodes(green).instances()}
    status = green.delete()
    left = frozenset(name for _, name in inventory.take(harness.client))
    return Deleted(ids, stack_id, status, kept, left)


def test_a_delete_leaves_only_what_the_templates_retain(deleted: Deleted) -> None:
    assert deleted.status == "DELETE_COMPLETE"
    assert len(deleted.kept) == 3
    assert set(deleted.ids.values()) & deleted.left == deleted.kept


def test_a_delete_keeps_the_key_in_use(deleted: Deleted, harness: LocalAwsHarness) -> None:
    key = harness.client("kms").describe_key(KeyId=deleted.ids["Iam/Key"])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"


def test_a_delete_asks_the_function_first_and_ends_with_what_everything_needs(
    deleted: Deleted, cluster: Cluster
) -> None:
    events = [
        (event["LogicalResourceId"], event["ResourceStatus"])
        for event in cluster.events(stack_id=deleted.stack_id)
        if event["ResourceStatus"].startswith("DELETE_") and event["PhysicalResourceId"] != deleted.stack_id
    ]

    def before(first: str, second: str) -> bool:
        return events.index((first, "DELETE_COMPLETE")) < events.index((second, "DELETE_IN_PROGRESS"))

    assert before("Teardown", "Controlplane")
    assert before("Teardown", "WorkersGeneral")
    assert before("Controlplane", "Lifecycle")
    assert before("WorkersGeneral", "Lifecycle")
    assert before("Lifecycle", "Database")
    assert before("Network", "Iam")
    assert events[-1] == ("Iam", "DELETE_COMPLETE")


def test_the_other_cluster_does_not_notice(deleted: Deleted, nodes: Nodes, cluster: Cluster) -> None:
    assert deleted.status == "DELETE_COMPLETE"
    assert set(nodes.states().values()) == {IN_SERVICE}
    assert len(nodes.states()) == 5
    assert cluster.stack()["StackStatus"] == "CREATE_COMPLETE"
    # Its function ran all the time, by the schedule, and decided about no instance after the start.
    actions = {each["action"] for report in nodes.reports() for each in report.get("decisions", [])}
    # The slots are empty for a moment at the start, which is timed.
    assert actions - {"StartTimer", "StopTimer"} == {"ProtectTable", "StartSlot"}
    assert all(report["cluster"] == cluster.uuid for report in nodes.reports())
