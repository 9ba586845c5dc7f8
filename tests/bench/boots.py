"""Figures of a real cluster: what the node program costs in a boot, beside kubeadm's own time, and what an agent costs.

The default example is deployed onto the local cloud, and its nodes' own stage lines are read.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.binaries.store import cache_folder
from tests.e2e.harness import ClusterHarness, Json, Seen, running

WORKERS = 2
CLUSTER_SECONDS = 420.0
SETTLE_SECONDS = 20.0
"""After the last boot agents still judge requests and look at new nodes."""
IDLE_SECONDS = 20.0

BOOT_CPU_SECONDS = 2.0
BEYOND_KUBEADM_SECONDS = 10.0
AGENT_PERCENT = 1.0
AGENT_MIB = 120.0
"""Limits that the project set itself."""

_BOOT = "boot"
_KUBEADM = ("kubeadm-init", "kubeadm-join")
# The stage in which a founder, or one that joins, becomes a voter that the table knows.
_VOTER = ("ready", "voter-row")
_CPU_FIELDS = slice(11, 15)
"""utime, stime, cutime, cstime behind the program's name (proc(5)): children that ended belong to it."""


@dataclass(frozen=True)
class Spent:
    """What an agent has used so far."""

    at: float
    """When it was looked at, on a clock that never goes back, in seconds."""
    cpu_seconds: float
    resident_mib: float


def boots() -> dict[str, Any]:
    """The largest CPU seconds of a boot, and of which node; seconds from the first line of all boots to the third voter
    and kubeadm's part of them; the largest percentage of a core and resident MiB of an agent that has nothing to do."""
    # What a rehearsal tells is not a figure, and standard output is for those.
    with (
        tempfile.TemporaryDirectory(dir=cache_folder()) as folder,
        contextlib.redirect_stdout(sys.stderr),
        running(Path(folder), node_settings={}, parameters={}, program=None) as cluster,
    ):
        cluster.healthy(CLUSTER_SECONDS)
        seen = cluster.until(lambda seen: _whole(cluster, seen), "not every node is Ready", CLUSTER_SECONDS)
        logs = {name: cluster.log(name) for name in sorted(seen.running)}
        control_planes = {name: logs[name] for name in sorted(seen.control_planes)}
        agents = _idle_agents(cluster, sorted(control_planes))
    return {**boot_cpu(logs), **three_voters(control_planes), **agents}


def boot_cpu(logs: Mapping[str, Sequence[Json]]) -> dict[str, Any]:
    """Of the node whose boot computed longest, programs that it only waited for left out."""
    cpu = {name: _last(lines, _BOOT)["cpu_seconds"] for name, lines in logs.items()}
    return {"boots": len(cpu), "boot_cpu_seconds": max(cpu.values()), "boot_cpu_seconds_each": sorted(cpu.values())}


def three_voters(logs: Mapping[str, Sequence[Json]]) -> dict[str, float]:
    """From when the first boot began until the last control plane was a voter, and what kubeadm itself took of it."""
    began = min(line["at"] - line["seconds"] for lines in logs.values() for line in lines)
    voters = [max(line["at"] for line in lines if line["stage"] in _VOTER) for lines in logs.values()]
    kubeadm = sum(line["seconds"] for lines in logs.values() for line in lines if _is_kubeadm(line))
    whole = max(voters) - began
    return {
        "three_voters_seconds": round(whole, 2),
        "kubeadm_seconds": round(kubeadm, 2),
        "beyond_kubeadm_seconds": round(whole - kubeadm, 2),
    }


def _whole(cluster: ClusterHarness, seen: Seen) -> Seen | None:
    """Whether every instance is a Ready node, and the boot of each has ended well."""
    expected = len(seen.control_planes) + WORKERS
    if len(seen.running) != expected or cluster.nodes() != dict.fromkeys(seen.running, True):
        return None
    return seen if all(_ended(cluster.log(name)) for name in seen.running) else None


def _ended(lines: Sequence[Json]) -> bool:
    return any((line["stage"], line["outcome"]) == (_BOOT, "done") for line in lines)


def _last(lines: Sequence[Json], stage: str) -> Json:
    return [line for line in lines if line["stage"] == stage][-1]


def _is_kubeadm(line: Json) -> bool:
    return line["stage"] in _KUBEADM and line["outcome"] != "waiting"


def _idle_agents(cluster: ClusterHarness, names: Sequence[str]) -> dict[str, float]:
    time.sleep(SETTLE_SECONDS)
    before = {name: _spent(cluster, name) for name in names}
    time.sleep(IDLE_SECONDS)
    after = {name: _spent(cluster, name) for name in names}
    percent = [
        100 * (after[name].cpu_seconds - before[name].cpu_seconds) / (after[name].at - before[name].at)
        for name in names
    ]
    return {
        "agent_idle_percent_of_a_core": max(percent),
        "agent_resident_mib": max(each.resident_mib for each in after.values()),
    }


def _spent(cluster: ClusterHarness, name: str) -> Spent:
    # Both in one call, of one process.
    script = "p=$(systemctl show --property MainPID --value holdfast-agent) && cat /proc/$p/stat /proc/$p/status"
    done = cluster.shell(name, script)
    at = time.monotonic()
    if done.returncode:
        raise RuntimeError(f"{name}: its agent does not run: {done.stderr.strip()}")
    stat, *status = done.stdout.splitlines()
    ticks = sum(int(field) for field in stat.rpartition(")")[2].split()[_CPU_FIELDS])
    (resident,) = [line.split()[1] for line in status if line.startswith("VmRSS:")]
    return Spent(at, ticks / os.sysconf("SC_CLK_TCK"), int(resident) / 1024)
