"""What a rehearsal with machines refuses before it starts anything: a VPC that has the addresses of its pods."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local.processes import Processes, StepFailed

GIVEN = """\
network: {vpc: given, tenancy: default, vpcCidr: 10.0.0.0/16, vpcSecondaryCidrs: [100.65.0.0/16, %s]}
kubernetes: {podCidr: 100.96.0.0/16}
"""


def rehearsal(folder: Path, cidr: str) -> MachineRehearsal:
    config = folder / "config.yaml"
    config.write_text(GIVEN % cidr, encoding="utf-8")
    with Processes(folder) as processes:
        return MachineRehearsal(config, folder, processes)


def test_a_vpc_with_the_pods_addresses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as failed:
        rehearsal(tmp_path, "100.64.0.0/18")
    assert str(failed.value) == (
        "the VPC's range: given 100.64.0.0/18; allowed: a range outside 100.64.0.0/24, where a rehearsal has pods"
    )


def test_a_range_beside_them_is_not(tmp_path: Path) -> None:
    assert rehearsal(tmp_path, "100.64.1.0/24").local.facts.network.cidrs[2] == "100.64.1.0/24"
