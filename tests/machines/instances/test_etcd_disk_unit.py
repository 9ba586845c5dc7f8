"""etcd's own disk on instances: the image's unit and the node program's own code, on a volume of the launch."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordination.conditions import etcd_disk_unusable
from coordination.names import BOOT_UNIT, CONTROL_PLANE_ROLE, ETCD_DEVICE, NODE_FILE, WORKER_ROLE
from imagebuilder import configure, places
from imagebuilder.configure import Settings
from tests.e2e.searching import instance_root
from tests.machines.instances.harness import InstanceHarness
from tests.unit.project.rooms import ROOT
from tests.waiting import wait_for
from userdata.boot.etcd_volume import waiting_for
from userdata.volume import states
from userdata.volume.states import Mounted, Refused, State

VOLUME = {"DeviceName": ETCD_DEVICE, "Ebs": {"VolumeSize": 20}}
# The boot program of a cluster is not what this is about; the disk's is the checkout's own.
PROGRAM = f"""#!/usr/bin/python3 -I
import sys
if sys.argv[1] == "etcd-disk":
    sys.path.insert(0, {str(ROOT)!r})
    from userdata.program import main
    sys.exit(main(sys.argv[1:]))
if sys.argv[1] == "boot":
    open("/run/booted", "w").close()
"""
SHOWN = "findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS --mountpoint /var/lib/etcd || true"


def user_data(role: str, place: str) -> str:
    """What makes a machine a node of this role."""
    about = {"cluster": "uuid", "role": role, place: "0", "region": "r", "table": "t", "parameters": "/p"}
    return f"""#!/bin/bash
install -d {places.SETTINGS_FOLDER}
echo '{json.dumps(about)}' >{NODE_FILE}
exec systemctl start --no-block {BOOT_UNIT}
"""


@pytest.fixture(scope="module")
def image(harness: InstanceHarness) -> Iterator[None]:
    layer = harness.image.layer
    made = configure.entries(Settings("registry.k8s.io/pause:3.10.2"))
    configure.write(layer, {path: entry for path, entry in made.items() if "containerd" not in path})
    # What wants the unit while it waits for its next try, waits with it.
    soon = f"{places.UNIT_FOLDER}/{places.ETCD_DISK_UNIT}.d/soon.conf"
    configure.write(layer, {soon: configure.File("[Service]\nRestartSec=1\n")})
    for path, text in ((places.NODE_PROGRAM, PROGRAM), ("/usr/local/bin/kubelet", "#!/bin/sh\nexec sleep 1000\n")):
        program = layer / path.lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    yield
    shutil.rmtree(layer)


@pytest.fixture(scope="module")
def node(harness: InstanceHarness, image: None) -> Iterator[str]:
    """A control plane after its first boot."""
    instance = harness.boot(user_data(CONTROL_PLANE_ROLE, "slot"), BlockDeviceMappings=[VOLUME])
    yield instance
    harness.terminate(instance)


def prepared(harness: InstanceHarness, instance: str) -> State:
    """What the unit of an instance has left, once it has."""

    def left() -> str:
        try:
            return harness.run(instance, f"cat {states.STATE_FILE} || true")
        except (ProcessLookupError, AssertionError):  # Between two boots.
            return ""

    wait_for(left, "the state of the disk", 60)
    # Whether it is mounted is asked of the instance: to this computer it is another one's mount.
    said = json.loads(left())
    return Mounted(said["uuid"]) if said["state"] == "Mounted" else states.read(instance_root(instance))


def beginning(volume: Path) -> bytes:
    """Where superblock, group descriptors and the root folder are."""
    with volume.open("rb") as stream:
        return stream.read(1 << 20)


def kubelet(harness: InstanceHarness, instance: str) -> str:
    """What systemd says when the kubelet is to start; it is stopped again."""
    return harness.run(instance, "systemctl start kubelet 2>&1; systemctl stop kubelet 2>&1; true", 30)


def test_a_first_boot_mounts_the_volume_before_the_kubelet_may_start(harness: InstanceHarness, node: str) -> None:
    assert isinstance(prepared(harness, node), Mounted)
    shown = harness.run(node, SHOWN)
    assert shown.split()[:2] == ["/dev/xvdb", "xfs"]
    assert {"noatime", "nodev", "nosuid", "noexec"} <= set(shown.split()[2].split(","))
    assert harness.run(node, "stat --format '%a %U %G' /var/lib/etcd; ls -A /var/lib/etcd") == "700 root root\n"
    assert "ependency" not in kubelet(harness, node)


def test_a_reboot_mounts_it_again_with_its_data(harness: InstanceHarness, node: str) -> None:
    before = prepared(harness, node)
    harness.run(node, "echo data >/var/lib/etcd/db; touch /run/first-boot; sync")
    harness.ec2.reboot_instances(InstanceIds=[node])
    wait_for(lambda: anew(harness, node), "the second boot", 60)
    assert prepared(harness, node) == before
    assert harness.run(node, "cat /var/lib/etcd/db") == "data\n"


def anew(harness: InstanceHarness, instance: str) -> bool:
    try:
        return harness.run(instance, f"test -e /run/first-boot || cat {states.STATE_FILE}; true") != ""
    except (ProcessLookupError, AssertionError):
        return False


def test_a_worker_has_no_disk_and_its_kubelet_starts(harness: InstanceHarness, image: None) -> None:
    worker = harness.boot(user_data(WORKER_ROLE, "pool"))
    assert harness.run(worker, f"systemctl is-active {places.ETCD_DISK_UNIT}") == "active\n"
    assert harness.run(worker, SHOWN) == ""
    assert "ependency" not in kubelet(harness, worker)
    harness.terminate(worker)


def test_a_foreign_disk_is_left_alone_named_in_the_condition_and_no_kubelet_starts(
    harness: InstanceHarness, node: str
) -> None:
    harness.ec2.stop_instances(InstanceIds=[node])
    harness.wait_state(node, "stopped")
    volume = harness.hypervisor.volume(node, ETCD_DEVICE)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "photos", volume], check=True)
    before = beginning(volume)
    harness.ec2.start_instances(InstanceIds=[node])
    harness.wait_up(node)
    state = prepared(harness, node)
    assert isinstance(state, Refused), state
    said = waiting_for(state, node)
    assert said.condition == etcd_disk_unusable(node)
    assert "ext4 labelled 'photos'" in said.reason
    # The boot program runs all the same, to say so.
    wait_for(lambda: harness.run(node, "ls /run/booted || true"), "the boot program")
    assert harness.run(node, SHOWN) == ""
    assert "A dependency job for kubelet.service failed" in kubelet(harness, node)
    # Nor does anything else put etcd's data on the root volume.
    assert "Operation not permitted" in harness.run(node, "mkdir /var/lib/etcd/member 2>&1 || true")
    assert beginning(volume) == before
    # Once it is blank, which only a person makes it, the unit's next try takes it.
    harness.run(node, f"wipefs --all --quiet {ETCD_DEVICE}; blkdiscard --force {ETCD_DEVICE}", 60)
    harness.run(node, f"systemctl restart {places.ETCD_DISK_UNIT}", 60)
    assert isinstance(prepared(harness, node), Mounted)
    assert "ependency" not in kubelet(harness, node)
