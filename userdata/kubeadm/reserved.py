"""How much of a machine the kubelet keeps from pods, for itself, containerd and the system.

By the steps that GKE publishes, because they begin with small machines and end with large ones:
https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes (what is reserved, without the eviction
threshold, which is the kubelet's own).
"""

from __future__ import annotations

from collections.abc import Sequence

_GIB = 1024.0
# Up to which size (the last has no end), and which part of each step is reserved.
_MEMORY_MIB = ((4 * _GIB, 0.25), (8 * _GIB, 0.20), (16 * _GIB, 0.10), (128 * _GIB, 0.06), (float("inf"), 0.02))
_CPUS = ((1.0, 0.06), (2.0, 0.01), (4.0, 0.005), (float("inf"), 0.0025))


def reserved(cpus: int, memory_mib: int) -> dict[str, str]:
    """What is reserved of a machine with so many CPUs and MiB of memory, as quantities of Kubernetes."""
    return {
        "cpu": f"{_stepwise(cpus, _CPUS) * 1000:.0f}m",
        "memory": f"{_stepwise(memory_mib, _MEMORY_MIB):.0f}Mi",
    }


def _stepwise(size: float, steps: Sequence[tuple[float, float]]) -> float:
    total, start = 0.0, 0.0
    for end, part in steps:
        total += max(0.0, min(size, end) - start) * part
        start = end
    return total
