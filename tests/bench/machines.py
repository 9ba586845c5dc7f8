"""Figures of instances before Kubernetes: how fast they boot, what a harness costs, what idle instances cost.

They boot the real machine image, with containerd, so it has to be made.
"""

from __future__ import annotations

import re
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from rehearsal.binaries import image_for
from rehearsal.binaries.store import cache_folder
from rehearsal.machines import needs
from rehearsal.machines.instance.cgroups import group_of
from tests.images import NEWEST, made_or_reason
from tests.machines.instances.harness import InstanceHarness

INSTANCES = 3
SETTLE_SECONDS = 5.0
"""After a boot the journal and systemd have a few things left to do."""
IDLE_SECONDS = 10.0
_STARTED = re.compile(r"Startup finished in (?:(\d+)min )?([\d.]+)(m?)s")


def problems() -> list[str]:
    """Why machines cannot be measured here; empty where they can."""
    image = made_or_reason()
    return [image] if isinstance(image, str) else needs.problems(cache_folder())


def machines() -> dict[str, float]:
    """Median seconds of one boot to the default target, alone on the computer; seconds of a harness's start and end
    with one instance in it; percent of a core that three idle instances take."""
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        started = time.perf_counter()
        cloud_id = secrets.token_hex(3)
        harness = InstanceHarness(cloud_id, Path(folder))
        try:
            harness.image = image_for(NEWEST)
            harness.boot()
            up = time.perf_counter() - started
            boots = [_boot_seconds(harness) for _ in range(INSTANCES)]
            idle = _idle_percent(cloud_id)
        finally:
            ending = time.perf_counter()
            harness.close()
        down = time.perf_counter() - ending
    return {
        "boot_seconds": statistics.median(boots),
        "harness_up_and_down_seconds": up + down,
        "idle_percent_of_a_core": idle,
    }


def _boot_seconds(harness: InstanceHarness) -> float:
    """What systemd says that a boot took."""
    found = _STARTED.search(harness.console(harness.boot()))
    assert found is not None, "systemd has not said how long it took"
    minutes, number, milli = found.groups()
    return int(minutes or 0) * 60 + float(number) / (1000 if milli else 1)


def _idle_percent(cloud_id: str) -> float:
    time.sleep(SETTLE_SECONDS)
    before = _cpu_seconds(cloud_id)
    time.sleep(IDLE_SECONDS)
    # One more than INSTANCES runs: the one that the harness was started with.
    return 100 * (_cpu_seconds(cloud_id) - before) / IDLE_SECONDS * INSTANCES / (INSTANCES + 1)


def _cpu_seconds(cloud_id: str) -> float:
    """What all processes of the cloud's instances have used (cpu.stat of control groups, version 2)."""
    (tree,) = [tree for tree in group_of(cloud_id).trees if tree.kind == "cgroup2"]
    for line in (tree.path / f"holdfast-{cloud_id}" / "cpu.stat").read_text(encoding="ascii").splitlines():
        name, value = line.split()
        if name == "usage_usec":
            return int(value) / 1e6
    raise RuntimeError("cpu.stat has no usage_usec")
