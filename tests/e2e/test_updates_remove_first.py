"""Updates where no zone has room for one more: each slot's old node leaves before its successor comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rehearsal.local.processes import StepFailed
from rehearsal.local.steps import STACK
from tests.e2e.harness import DEFAULT, ClusterHarness, running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, in_slot, leader_and_followers, written_to
from tests.e2e.updating import at_rest, ended, gap_of, images, reasons, status, update

LACKS = "an update begins while every slot has a healthy voter: no healthy voter is in service in slot {}."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything of the cluster is."""
    return tmp_path_factory.mktemp("remove-first")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[ClusterHarness]:
    """Three control planes alone, in zones that are full."""
    settings = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    settings["controlPlane"]["replacement"] = "remove-first"
    config = folder / "remove-first.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with running(folder, node_settings=SHORT, parameters={"GeneralMinSize": "0"}, config=config) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
        for zone in zones(cluster):
            cluster.act("crowd_zone", zone)
        yield cluster


def test_an_update_is_refused_while_a_slot_has_no_healthy_voter(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    _, (frozen, _) = leader_and_followers(cluster, before)
    slot = before.place(frozen).removeprefix("slot ")
    image = cluster.rehearsal.control.register_image(settings=SHORT)
    cluster.act("freeze", frozen)
    try:
        condition = f"MemberUnhealthy/{frozen}"
        cluster.until(lambda seen: condition in seen.conditions, f"{condition} is not named", HEALTHY_SECONDS)
        # `make deploy` asks before it begins; the plain AWS CLI leaves it to the stack.
        with pytest.raises(StepFailed) as refused:
            cluster.rehearsal.local.deploy_again(f"ControlPlaneImage={image}")
        assert LACKS.format(slot) in str(refused.value)
        assert status(cluster) == "CREATE_COMPLETE"
        update(cluster, ControlPlaneImage=image)
        assert ended(cluster, remove_first=True) == "UPDATE_ROLLBACK_COMPLETE"
    finally:
        cluster.act("thaw", frozen)
    assert [text for text in reasons(cluster, STACK) if LACKS.format(slot) in text]
    assert not [text for text in reasons(cluster) if text.startswith("Rolling update initiated")]
    after = cluster.healthy(HEALTHY_SECONDS)
    assert after.control_planes == before.control_planes


def test_each_old_node_leaves_before_its_successor_comes(cluster: ClusterHarness, folder: Path) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    image = cluster.rehearsal.control.register_image(settings=SHORT)
    with written_to(cluster, folder) as writer, gap_of(writer, "three slots updated, old nodes first"):
        update(cluster, ControlPlaneImage=image)
        assert ended(cluster, remove_first=True) == "UPDATE_COMPLETE"
        after = at_rest(cluster)
    assert images(cluster, after.control_planes) == {image}
    assert not after.control_planes & before.control_planes
    assert all(len(in_slot(after, slot)) == 1 for slot in range(cluster.slots))
    # So CloudFormation's own word has it, too: nobody signals before the old one is terminated.
    told = [text.split()[0] for text in reversed(reasons(cluster)) if text.startswith(("Terminating", "Received"))]
    # The very first signal was that of the cluster's creation.
    assert told == ["Received", *["Terminating", "Received"] * cluster.slots]


def zones(cluster: ClusterHarness) -> set[str]:
    """Of the instances that run."""
    ec2 = cluster.rehearsal.local.client("ec2")
    running = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])["Reservations"]
    return {each["Placement"]["AvailabilityZone"] for page in running for each in page["Instances"]}
