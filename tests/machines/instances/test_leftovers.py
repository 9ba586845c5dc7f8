"""What is left of local clouds: nothing after a close, and after a crash nothing that cleaning does not find."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines import leftovers, local_clouds
from rehearsal.machines.network import namespaces
from tests.machines.instances.harness import InstanceHarness
from tests.waiting import wait_for

CYCLES = int(os.environ.get("HOLDFAST_CYCLES", "12"))
"""How often an instance comes and goes in some way; 12 take half a minute."""
DISK = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}
OWNER = """
import sys, time
from pathlib import Path
from tests.machines.instances.harness import InstanceHarness
harness = InstanceHarness(sys.argv[1], Path(sys.argv[2]))
disk = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}
first, second = harness.boot(BlockDeviceMappings=[disk]), harness.boot()
harness.run(first, "mkfs.xfs -q /dev/sdb; mkdir /mnt/disk; mount /dev/sdb /mnt/disk")
harness.hypervisor.freeze(second)
print("up", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def cloud_id() -> Iterator[str]:
    """A local cloud of the test's own; whatever the test leaves of it is removed."""
    cloud_id = secrets.token_hex(3)
    yield cloud_id
    leftovers.remove(leftovers.find(cloud_id))
    local_clouds.release(cloud_id)


def of(cloud_id: str) -> set[str]:
    """What the snapshot has of one cloud: others may come and go meanwhile."""
    return {name for name in leftovers.snapshot() if cloud_id in name}


@pytest.mark.slow
def test_random_ups_and_downs_leave_nothing(cloud_id: str, tmp_path: Path) -> None:
    chance = random.Random(cloud_id)
    harness = InstanceHarness(cloud_id, tmp_path)
    try:
        # The first one makes the VPC's router and the group of those who wait.
        harness.terminate(harness.boot())
        # Without processes: the firewall's programs are in the router's namespace while it follows.
        quiet = wait_for(lambda: quiet_now(cloud_id), "the firewall's programs to end")
        for _ in range(CYCLES):
            instance_id = harness.launch(BlockDeviceMappings=[DISK])
            if chance.random() < 0.7:
                harness.wait_state(instance_id, "running")
                time.sleep(chance.random() / 2)
            verb = chance.choice(["terminate", "lose", "freeze", "isolate", "hang", "fill_disk", "stop", "poweroff"])
            if verb == "stop":
                if harness.state(instance_id) == "running":
                    harness.ec2.stop_instances(InstanceIds=[instance_id])
            elif verb == "poweroff":
                harness.hypervisor.execute(instance_id, ["systemctl", "poweroff"], 10) if is_up(
                    harness, instance_id
                ) else None
            elif verb != "terminate" and is_up(harness, instance_id):
                getattr(harness.hypervisor, verb)(instance_id)
            harness.terminate(instance_id)
            wait_for(lambda: leftovers.find(cloud_id) == quiet, f"nothing to be left after {verb} of {instance_id}")
    finally:
        harness.close()
    assert not leftovers.find(cloud_id)
    assert not of(cloud_id)


def quiet_now(cloud_id: str) -> leftovers.Found | None:
    """What there is of a cloud, once no process of it is left."""
    found = leftovers.find(cloud_id)
    return None if found.pids else found


def is_up(harness: InstanceHarness, instance_id: str) -> bool:
    try:
        return harness.started(instance_id) != ""
    except ProcessLookupError:
        return False


def test_a_namespace_of_another_cloud_that_goes_while_it_is_looked_at_is_no_error(
    monkeypatch: pytest.MonkeyPatch, cloud_id: str
) -> None:
    existing = namespaces.existing
    monkeypatch.setattr(namespaces, "existing", lambda prefix: [*existing(prefix), "hf-ffffff-gone"])
    assert not leftovers.find(cloud_id)


def test_a_crash_ends_the_instances_and_cleaning_removes_the_rest(cloud_id: str, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, cloud_id, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        alive = leftovers.find(cloud_id)
        assert alive.pids
        assert alive.mounts
        assert alive.namespaces
        assert alive.loops
        # An owner that lives is left alone, and what it has is nobody's leftover.
        assert not [line for line in leftovers.clean() if line.startswith(cloud_id)]
        assert leftovers.find(cloud_id).pids
        assert not of(cloud_id)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    wait_for(lambda: not leftovers.find(cloud_id).pids, "the instances to end with their owner")
    left = leftovers.find(cloud_id)
    assert left.mounts
    assert left.namespaces
    assert left.loops
    assert of(cloud_id)
    (line,) = [line for line in leftovers.clean() if line.startswith(cloud_id)]
    assert f"{len(left.mounts)} mounts" in line
    assert line.endswith("1 loop devices")
    assert not leftovers.find(cloud_id)
    assert not of(cloud_id)
    assert not (tmp_path / "instances").exists()
    assert (tmp_path / "layer").exists()


def test_a_raised_setting_is_put_back_with_the_last_cloud(cloud_id: str, tmp_path: Path) -> None:
    if local_clouds.alive():
        pytest.skip("another local cloud runs here, for whose sake settings stay raised")
    before = local_clouds.settings()
    local_clouds.claim(cloud_id, tmp_path)
    raised = local_clouds.settings()
    assert raised["fs.inotify.max_user_instances"] >= 8192
    assert cloud_id in local_clouds.alive()
    local_clouds.release(cloud_id)
    assert local_clouds.settings() == before or local_clouds.alive()
