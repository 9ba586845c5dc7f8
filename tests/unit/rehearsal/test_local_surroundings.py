"""What a cluster finds on the local AWS. In plain moto: no engine is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from generator.config import load
from generator.root import templates
from rehearsal.local import given_network, surroundings

ROOT = Path(__file__).parents[3]
# Those that find something else than a bucket, images and zones; all of them are deployed in tests/integration.
EXAMPLES = ("existing-network", "dedicated-hosts", "china")


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    session: Any = boto3.Session()
    with mock_aws():
        yield lambda region: lambda service: session.client(service, region_name=region)


@pytest.mark.parametrize("example", EXAMPLES)
def test_there_is_a_value_for_each_parameter_without_default(clients: Any, example: str) -> None:
    config = ROOT / "examples" / f"{example}.yaml"
    declared = json.loads(templates(load(config))["root.json"])["Parameters"]
    facts = surroundings.facts(config)
    values = surroundings.prepare(clients(facts.region), facts, declared)
    assert set(values) == {name for name, body in declared.items() if "Default" not in body}
    zones = values.get("AvailabilityZones", values.get("ControlPlaneSubnetIds", "")).split(",")
    assert len(zones) == facts.zones


def test_what_decides_is_what_the_generator_reads(tmp_path: Path) -> None:
    config = tmp_path / "merged.yaml"
    config.write_text("zones: 4\nnetwork: &n\n  tenancy: default\ncontrolPlane:\npools: [{name: no, tenancy: default}]")
    config.write_text(config.read_text().replace("controlPlane:", "controlPlane: {<<: *n, slots: 5}"))
    found = surroundings.facts(config)
    assert (found.zones, found.network.tenancy, found.slots, found.vpc_cidr) == (4, "default", 5, "10.0.0.0/16")


def test_a_refused_configuration_ends_a_rehearsal_with_its_lines_alone(tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("zones: 2\nnetwork:\n\tvpc: given")
    for path, line in ((config, "3: given text that is not YAML"), (tmp_path / "none.yaml", " no such file")):
        command = [sys.executable, "-m", "rehearsal.local", str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        (said,) = done.stderr.splitlines()
        assert said.startswith(f"{path}:{line}")


def test_central_endpoints_meet_no_range_of_the_cluster_and_gateway_endpoints_are_there_where_they_are_given(
    clients: Any, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "network: {vpc: given, tenancy: default, vpcCidr: 10.199.0.0/16, endpoints: given, gatewayEndpoints: given}\n"
        "kubernetes: {podCidr: 172.31.0.0/16}\n",
        encoding="utf-8",
    )
    facts = surroundings.facts(config)
    client = clients(facts.region)
    values = given_network.make(client, facts.network, facts.region, ["us-east-1a", "us-east-1b", "us-east-1c"])
    taken = [ip_network(each) for each in ("10.199.0.0/16", "172.31.0.0/16", "172.20.0.0/16")]
    ranges = [ip_network(each) for each in values["EndpointCidrs"].split(",")]
    assert len(ranges) == 3
    assert not any(each.overlaps(other) for each in ranges for other in taken)
    filters = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
    gateways = client("ec2").describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
    assert [each["RouteTableIds"] for each in gateways] == [[values["RouteTableIds"]]] * 2
