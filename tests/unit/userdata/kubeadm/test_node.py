"""What machines keep for themselves."""

from __future__ import annotations

import pytest

from userdata.kubeadm.node import reserved


@pytest.mark.parametrize(
    ("cpus", "memory_mib", "cpu", "memory"),
    [
        # t3.small, m7i.large, m7i.2xlarge, m7i.24xlarge, by the steps that GKE publishes
        (2, 2048, "70m", "512Mi"),
        (2, 8192, "70m", "1843Mi"),
        (8, 32768, "90m", "3645Mi"),
        (96, 393216, "310m", "14787Mi"),
        (1, 1024, "60m", "256Mi"),
    ],
)
def test_larger_machines_keep_a_smaller_part(cpus: int, memory_mib: int, cpu: str, memory: str) -> None:
    assert reserved(cpus, memory_mib) == {"cpu": cpu, "memory": memory}
