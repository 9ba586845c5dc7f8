"""Instances of a real machine image: containerd serves at once, and its containers share the instance's fate.

Skipped where no image is made yet: that takes minutes, and `make rehearsal-binaries` does it.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from rehearsal.cloud import runs
from rehearsal.machines import leftovers
from rehearsal.machines.instance import cgroups
from tests.images import made_or_skip
from tests.machines.instances.harness import InstanceHarness
from tests.waiting import wait_for

TOKEN_STATUS = (
    "curl --silent --output /dev/null --write-out %{http_code} --max-time 10 --request PUT "
    "--header X-aws-ec2-metadata-token-ttl-seconds:60 http://169.254.169.254/latest/api/token"
)
LENT = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64"}
"""The machine's own programs and libraries, and where a container sees them."""
CPU_SHARE = 0.05
"""What three idle instances may take of a core."""


@pytest.fixture(scope="module")
def real(cloud_id: str) -> Iterator[InstanceHarness]:
    """A harness whose image is the newest that is made."""
    image = made_or_skip()
    # Beside the images, so that their files are linked and not copied.
    run_dir = runs.folder() / cloud_id
    run_dir.mkdir(parents=True)
    harness = InstanceHarness(cloud_id, run_dir)
    harness.image = image
    yield harness
    harness.close()
    shutil.rmtree(run_dir)
    assert not leftovers.find(cloud_id)


@pytest.fixture(scope="module")
def cloud_id() -> str:
    return secrets.token_hex(3)


@pytest.fixture(scope="module")
def three(real: InstanceHarness) -> list[str]:
    launched = [real.launch(zone=number % 2) for number in range(3)]
    for instance_id in launched:
        wait_for(partial(serves, real, instance_id), "the container runtime")
    return launched


def serves(harness: InstanceHarness, instance: str) -> bool:
    """Whether containerd has its CRI: the unit is active earlier."""
    try:
        return "ok" in harness.run(instance, "ctr plugins ls 2>/dev/null | grep 'io.containerd.grpc.v1 *cri ' || true")
    except ProcessLookupError:
        return False


def test_every_container_image_is_there(real: InstanceHarness, three: list[str]) -> None:
    for instance in three:
        assert "kube-apiserver" in real.run(instance, "ctr --namespace k8s.io images ls --quiet")


def test_what_one_instance_stores_the_others_do_not_have(real: InstanceHarness, three: list[str]) -> None:
    first, second, _ = three
    real.run(first, "ctr namespaces create own; ctr --namespace own content ls; touch /var/lib/containerd/own")
    assert "own" not in real.run(second, "ctr namespaces ls --quiet; ls /var/lib/containerd")


def test_idle_instances_cost_next_to_nothing(real: InstanceHarness, three: list[str]) -> None:
    began, used = time.monotonic(), cpu_seconds(real)
    time.sleep(5)
    assert (cpu_seconds(real) - used) / (time.monotonic() - began) < CPU_SHARE


def cpu_seconds(harness: InstanceHarness) -> float:
    """What all instances of a harness have used so far (Documentation/admin-guide/cgroup-v2.rst, cpu.stat)."""
    (tree,) = [tree for tree in cgroups.hierarchies() if tree.kind == "cgroup2"]
    stat = (tree.path / cgroups.group_of(harness.cloud_id).name / "cpu.stat").read_text()
    return int(dict(line.split() for line in stat.splitlines())["usage_usec"]) / 1e6


def test_containers_are_their_instances_processes_and_end_with_it(real: InstanceHarness, three: list[str]) -> None:
    lost = three[0]
    pause = real.run(lost, "ctr --namespace k8s.io images ls --quiet | grep pause:").strip()
    real.run(lost, f"ctr --namespace k8s.io run --detach {pause} kept")
    # Below the instance's group of version 2, by which it is frozen.
    assert "pause" in programs(real)
    real.hypervisor.lose(lost)
    real.wait_state(lost, "terminated")
    wait_for(lambda: "pause" not in programs(real), "the container's end")


def test_a_container_in_the_hosts_network_gets_nothing_from_the_metadata_service(
    real: InstanceHarness, three: list[str]
) -> None:
    instance = three[1]
    assert real.run(instance, TOKEN_STATUS) == "200"
    pause = real.run(instance, "ctr --namespace k8s.io images ls --quiet | grep pause:").strip()
    # The image holds no program that could ask; the group is one as the kubelet makes them.
    mounts = " ".join(f"--mount type=bind,src={here},dst={there},options=rbind:ro" for here, there in LENT.items())
    run = f"ctr --namespace k8s.io run --rm --net-host --cgroup /kubepods/burstable/pod1/1 {mounts}"
    assert real.run(instance, f"{run} {pause} asking /usr/bin/{TOKEN_STATUS} || true") == "000"


def programs(harness: InstanceHarness) -> set[str]:
    found = set()
    for pid in leftovers.find(harness.cloud_id).pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # Ended in between.
            found.add(Path(f"/proc/{pid}/comm").read_text().strip())
    return found
