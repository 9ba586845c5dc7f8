"""A stack is deleted out of an update that did not end well, and created again under the same name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from rehearsal.local import inventory
from tests.integration.cluster import Cluster, Package, package
from tests.integration.conftest import Generated
from tests.integration.harness import REPOSITORY, LocalAwsHarness, wait_for
from tests.integration.nodes import Nodes

pytestmark = pytest.mark.slow

SPEED = 20
NAME = "again"
REFUSED = 2


@pytest.fixture(scope="module")
def packaged(harness: LocalAwsHarness, generated: Generated) -> Package:
    """Templates to deploy, and nodes that come up."""
    config, root = generated("minimal")
    made = package(harness, config, root)
    # What is said of new nodes, the tests say.
    harness.stub_nodes("--no-signals")
    return made


class Update:
    """A cluster in an update to another image, and what it was created into."""

    def __init__(self, harness: LocalAwsHarness, packaged: Package, *flags: str) -> None:
        self._harness = harness
        self._before = inventory.take(harness.client)
        self.cluster = Cluster(harness, NAME, packaged)
        self.cluster.create()
        self.kept = self.cluster.kept()
        self._nodes = Nodes(self.cluster)
        self._seen = set(self._nodes.states())
        (image,) = harness.client("ec2").describe_images(ImageIds=[self.cluster.values["WorkerImage"]])["Images"]
        other = harness.client("ec2").copy_image(
            Name="other", SourceImageId=image["ImageId"], SourceRegion=harness.region
        )
        self.cluster.start_deploy(*flags, ControlPlaneImage=other["ImageId"])

    def signal(self, slot: int, status: str) -> None:
        """Say of the next new instance of a slot, once it is in service, how it went."""

        def new() -> str:
            states = {each["InstanceId"]: each["LifecycleState"] for each in self._nodes.slot(slot)["Instances"]}
            return next((each for each in states if each not in self._seen and states[each] == "InService"), "")

        name = wait_for(new, f"nobody comes to slot {slot}")
        self._seen.add(name)
        self._harness.aws(
            "cloudformation", "signal-resource", "--stack-name", self.cluster.physical_id("Controlplane"),
            "--logical-resource-id", f"Slot{slot}", "--unique-id", name, "--status", status,
        )  # fmt: skip

    def is_refused(self, status: str) -> None:
        """Whether `make delete` says in one line that the stack is in this status, and what to type."""
        done = self._make_delete()
        _, line = done.stderr.splitlines()
        assert done.returncode == REFUSED
        assert line.startswith(f"{NAME} is {status}, ")
        assert line.endswith(f"make delete STACK={NAME} REGION={self._harness.region}")

    def make_delete(self) -> None:
        """Delete with the command."""
        done = self._make_delete()
        assert done.returncode == 0, done.stdout + done.stderr

    def left(self) -> set[str]:
        """What there is now and was not before."""
        return {name for _, name in inventory.take(self._harness.client) - self._before}

    def status(self) -> str:
        """The root stack's."""
        return str(self.cluster.stack()["StackStatus"])

    def _make_delete(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployment", "delete", "--stack", NAME, "--yes"],
            cwd=REPOSITORY, env=self._harness.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.mark.parametrize("delete", [Update.make_delete, lambda update: update.cluster.delete()])
def test_out_of_an_update_that_stopped_in_a_failure(
    harness: LocalAwsHarness, packaged: Package, delete: Callable[[Update], object]
) -> None:
    update = Update(harness, packaged, "--disable-rollback")
    wait_for(lambda: update.status() == "UPDATE_IN_PROGRESS", "the update begins")
    update.is_refused("UPDATE_IN_PROGRESS")
    update.signal(0, "FAILURE")
    assert update.cluster.settled() == "UPDATE_FAILED"
    delete(update)
    wait_for(lambda: update.left() == update.kept, "nothing is left but what is kept")


def test_out_of_an_update_whose_rollback_failed(harness: LocalAwsHarness, packaged: Package) -> None:
    update = Update(harness, packaged)
    update.signal(0, "SUCCESS")
    update.signal(1, "FAILURE")
    wait_for(lambda: update.status() == "UPDATE_ROLLBACK_IN_PROGRESS", "the update goes back")
    update.is_refused("UPDATE_ROLLBACK_IN_PROGRESS")
    update.signal(0, "FAILURE")
    assert update.cluster.settled() == "UPDATE_ROLLBACK_FAILED"
    update.make_delete()
    wait_for(lambda: update.left() == update.kept, "nothing is left but what is kept")
