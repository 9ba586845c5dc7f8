"""A team without any right of IAM's launches a cluster whose nodes boot, by the catalog; a node is replaced, and the
cluster is updated and terminated.

Service Catalog has no way to stop where an update fails: CloudFormation takes it back, which the cluster survives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordination.names import CatalogOutput
from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local import stacks
from rehearsal.scenarios.writes import Writer, writing
from tests import next_release
from tests.catalog_team import HELD, NAME, REPLACE, Team, written
from tests.e2e.harness import ClusterHarness, Seen, begun, prepared
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, in_slot, reconcile_function, replaced
from tests.e2e.updating import at_rest, during, ended, gap_of, images, newcomer, reasons, status

PAUSE = "PT4M"
UNSERVING = Path(__file__).parent / "unserving_node.py"
"""The node program of an image that never serves in slot 1."""
FIRST, SECOND = "1.0.0", "1.1.0"
OTHER_TYPE = "m6i.xlarge"


@dataclass(frozen=True)
class Launched:
    """A cluster that the team has launched."""

    cluster: ClusterHarness
    team: Team
    product: str
    values: Mapping[str, str]
    folder: Path

    def update(self, **values: str) -> str:
        """An update to the second version, with other values, that has begun; the record's ID."""
        changes = written(self.folder / "changes.json", values, self.values)
        record = self.team.begin("update-provisioned-product", prod=self.product, changes=changes)
        # The record is there before CloudFormation is asked.
        self.cluster.until(lambda _: status(self.cluster).endswith("_IN_PROGRESS"), "no update begins", HEALTHY_SECONDS)
        return record

    def outcome(self, record: str) -> str:
        """How an operation has ended."""
        return str(self.team.followed_to_its_end(record, "the operation")["RecordDetail"]["Status"])

    def state(self) -> tuple[str, str]:
        """What the launched product is, and which version it has."""
        catalog = self.cluster.rehearsal.local.client("servicecatalog")
        found = catalog.describe_provisioned_product(Name=NAME)["ProvisionedProductDetail"]
        versions = catalog.list_provisioning_artifacts(ProductId=self.product)["ProvisioningArtifactDetails"]
        names = {each["Id"]: each["Name"] for each in versions}
        return found["Status"], names[found["ProvisioningArtifactId"]]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Three control planes and a worker, launched by the team, and a second version to update to."""
    folder = tmp_path_factory.mktemp("catalog")
    parameters = {"GeneralMinSize": "1", "LaunchHookHeartbeatSeconds": "120"}
    with prepared(folder, node_settings=SHORT, parameters=parameters, program=None, pause=PAUSE) as rehearsal:
        local = rehearsal.local
        team = Team.made(local.client("iam"), local.environment, local.templates / "root.json")
        product = team.type("search-products").split("\t")[0]
        values = {**local.values, **HELD, "KeyOperatorArns": team.output(CatalogOutput.AUTOMATION_ROLE)}
        local.mark()
        record = team.begin("provision-product", prod=product, parameters=written(folder / "first.json", values, {}))
        local.stack = stack_of(rehearsal)
        made = Launched(begun(rehearsal), team, product, values, folder)
        try:
            cluster = made.cluster
            cluster.until(lambda _: not status(cluster).endswith("_IN_PROGRESS"), "the launch goes on", HEALTHY_SECONDS)
            assert made.outcome(record) == "SUCCEEDED"
            next_release.change(local.templates)
            team.publish_changed(SECOND, LogRetentionDays=14)
            yield made
        finally:
            made.cluster.close()


@pytest.fixture(scope="module")
def writer(launched: Launched) -> Iterator[Writer]:
    """A client that writes through the cluster's API all the while."""
    launched.cluster.healthy(HEALTHY_SECONDS)
    with writing(launched.cluster.kubectl, launched.folder / "writer") as writer:
        yield writer


def stack_of(rehearsal: MachineRehearsal) -> str:
    """The stack of the launched product, by the name that the page gives."""
    found = rehearsal.local.client("servicecatalog").describe_provisioned_product(Name=NAME)
    account = rehearsal.local.client("sts").get_caller_identity()["Account"]
    return f"SC-{account}-{found['ProvisionedProductDetail']['Id']}"


def test_the_nodes_of_a_launched_cluster_become_ready(launched: Launched) -> None:
    cluster = launched.cluster

    def ready(seen: Seen) -> bool:
        return sorted(seen.running) == sorted(name for name, is_ready in cluster.nodes().items() if is_ready)

    cluster.healthy(HEALTHY_SECONDS)
    seen = cluster.until(lambda seen: seen if ready(seen) else None, "not every node is Ready", HEALTHY_SECONDS)
    assert (len(seen.control_planes), len(seen.workers)) == (3, 1)
    assert launched.state() == ("AVAILABLE", FIRST)


def test_a_service_action_replaces_a_control_plane(launched: Launched, writer: Writer) -> None:
    cluster, team, local = launched.cluster, launched.team, launched.cluster.rehearsal.local
    before = at_rest(cluster, resumed=False)
    (leaving,) = in_slot(before, 1)
    table = stacks.outputs(local.client("cloudformation"), local.stack)["TableName"]
    with gap_of(writer, "a control plane replaced by a service action"):
        record = team.begin(REPLACE, **team.replacing(table))
        after = replaced(cluster, before, leaving)
    team.followed(record, "the service action")
    assert in_slot(after, 0) + in_slot(after, 2) == in_slot(before, 0) + in_slot(before, 2)


def test_an_update_whose_second_slot_finds_no_room_goes_back(launched: Launched, writer: Writer) -> None:
    cluster = launched.cluster
    before = at_rest(cluster, resumed=False)
    kept = types(cluster, before)
    zone = zone_of(cluster, in_slot(before, 1)[0])
    with gap_of(writer, "an update whose second slot found no room"):
        cluster.act("close_zone", zone)
        record = launched.update(ControlPlaneInstanceType=OTHER_TYPE)
        newcomer(cluster, before, 0)
        assert function_is_later(cluster)
        during(cluster, lambda _: "ROLLBACK" in status(cluster), "the second slot finds room")
        # From now on a node of the new kind has room there, while the first slot waits for its old kind.
        cluster.act("free_zone", zone)
        after = gone_back(launched, record)
    assert types(cluster, after) == kept
    assert in_slot(after, 2) == in_slot(before, 2)


def test_an_update_whose_second_slot_never_serves_goes_back(launched: Launched, writer: Writer) -> None:
    cluster = launched.cluster
    before = at_rest(cluster, resumed=False)
    kept = images(cluster, before.control_planes)
    image = cluster.rehearsal.control.register_image(UNSERVING, SHORT)
    with gap_of(writer, "an update whose second slot joined and never served"):
        record = launched.update(ControlPlaneImage=image)
        name = newcomer(cluster, before, 1)
        during(cluster, lambda seen: name in seen.members, "the node of the second slot does not join")
        after = gone_back(launched, record)
    assert images(cluster, after.control_planes) == kept
    assert in_slot(after, 2) == in_slot(before, 2)


def test_the_next_update_replaces_every_node(launched: Launched, writer: Writer) -> None:
    cluster = launched.cluster
    before = at_rest(cluster, resumed=False)
    image = cluster.rehearsal.control.register_image(settings=SHORT)
    with gap_of(writer, "three slots updated by the catalog"):
        record = launched.update(ControlPlaneImage=image, LogRetentionDays="14")
        assert ended(cluster) == "UPDATE_COMPLETE", reasons(cluster)
        after = at_rest(cluster, resumed=False)
    assert launched.outcome(record) == "SUCCEEDED"
    assert launched.state() == ("AVAILABLE", SECOND)
    assert function_is_later(cluster)
    assert images(cluster, after.control_planes) == {image}
    assert not after.control_planes & before.control_planes


def test_a_termination_leaves_what_a_deletion_keeps(launched: Launched, writer: Writer) -> None:
    cluster, local = launched.cluster, launched.cluster.rehearsal.local
    cluster.healthy(HEALTHY_SECONDS)
    # Every write that was acknowledged since the launch.
    writer.check(writer.stop())
    # Service Catalog's own copies of templates stay, too.
    kept = local.kept() | {name for name in local.present("bucket") if name.startswith("sc-local-")}
    cluster.close()
    launched.team.ended("terminate-provisioned-product")
    local.check_left(kept)
    assert launched.team.denied() == []
    cluster.rehearsal.check_calls()


def gone_back(launched: Launched, record: str) -> Seen:
    """Wait until an update has gone back: the stack, the product and the cluster are what they were."""
    cluster = launched.cluster
    assert ended(cluster) == "UPDATE_ROLLBACK_COMPLETE", reasons(cluster)
    after = at_rest(cluster, resumed=False)
    assert launched.outcome(record) == "FAILED"
    assert launched.state() == ("TAINTED", FIRST)
    assert not function_is_later(cluster)
    assert [text for text in reasons(cluster) if text.startswith("Received 0 SUCCESS signal(s) out of 1.")]
    return after


def function_is_later(cluster: ClusterHarness) -> bool:
    """Whether the reconcile function is that of the second version."""
    client = cluster.rehearsal.local.client("lambda")
    found = client.get_function_configuration(FunctionName=reconcile_function(cluster))
    return bool(found.get("Description") == next_release.DESCRIPTION)


def zone_of(cluster: ClusterHarness, instance_id: str) -> str:
    """Where an instance is."""
    found = cluster.rehearsal.local.client("ec2").describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"])


def types(cluster: ClusterHarness, seen: Seen) -> set[str]:
    """The instance types of the control planes."""
    ec2 = cluster.rehearsal.local.client("ec2")
    pages = ec2.describe_instances(InstanceIds=sorted(seen.control_planes))["Reservations"]
    return {each["InstanceType"] for page in pages for each in page["Instances"]}
