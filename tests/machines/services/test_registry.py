"""The registry as an instance of a VPC reaches it: at the interfaces of an endpoint, past their security groups."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines.network.dns.resolve import resolve
from rehearsal.machines.network.dns.view import read_vpc
from rehearsal.machines.registry import Registries
from tests.machines.services.harness import ServicesHarness
from tests.waiting import wait_for

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
BUCKET = "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com"
CONNECTED = "401"
"""What the registry says to whoever has no token."""
TIMED_OUT, WRONG_NAME, NOTHING_SAID = 28, 60, (52, 56)
"""How curl ends (curl(1), "Exit codes")."""


class Puller:
    """What the instance asks of the registry."""

    def __init__(self, harness: ServicesHarness, trusted: Path) -> None:
        self.harness = harness
        self._trusted = trusted

    def address(self, name: str) -> str:
        """Where a name leads."""
        rows = resolve(read_vpc(self.harness.aws, self.harness.vpc_id).names, name, "A").rows
        return rows[0].value if rows else ""

    def curl(self, host: str, path: str, at: str = "", seconds: int = 30) -> subprocess.CompletedProcess[str]:
        """Ask a host, at its address or at another one's, for a path; the status code is what is printed."""
        command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
        command += ["--max-time", str(seconds)]
        command += ["--cacert", str(self._trusted), "--resolve", f"{host}:443:{self.address(at or host)}"]
        return self.harness.run(*command, f"https://{host}{path}")


@pytest.fixture(scope="module")
def puller(harness: ServicesHarness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Puller]:
    folder = tmp_path_factory.mktemp("registry")
    registries = Registries(harness.aws, harness.fabric, folder / "keys")
    registries.start()
    trusted = folder / "trusted.pem"
    (text,) = registries.trust.values()
    trusted.write_text(text, encoding="utf-8")
    yield Puller(harness, trusted)
    registries.stop()


@pytest.fixture
def endpoint(harness: ServicesHarness, puller: Puller) -> Iterator[str]:
    """An endpoint of the registry, which answers."""
    made = harness.make_endpoint("ecr.dkr")
    wait_for(lambda: puller.curl(HOST, "/v2/", seconds=2).stdout == CONNECTED, "the endpoint answers", 30)
    yield made
    harness.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    wait_for(lambda: puller.curl(HOST, "/v2/", seconds=2).returncode, "the endpoint is gone", 30)


def test_the_endpoint_answers_with_a_certificate_of_its_name(puller: Puller, endpoint: str) -> None:
    assert puller.curl(HOST, "/v2/").stdout == CONNECTED
    assert puller.curl("other.example", "/v2/", at=HOST).returncode == WRONG_NAME


def test_the_endpoints_groups_have_a_say(harness: ServicesHarness, puller: Puller, endpoint: str) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    harness.ec2.revoke_security_group_ingress(GroupId=harness.group_id, IpPermissions=[rule])
    try:
        wait_for(lambda: puller.curl(HOST, "/v2/", seconds=2).returncode == TIMED_OUT, "packets are dropped", 30)
        refused = [str(each) for each in harness.fabric.refused()]
        assert any("443" in each and "no ingress rule" in each for each in refused), refused
    finally:
        harness.ec2.authorize_security_group_ingress(GroupId=harness.group_id, IpPermissions=[rule])
    wait_for(lambda: puller.curl(HOST, "/v2/", seconds=2).stdout == CONNECTED, "packets pass again", 30)


def test_the_bucket_of_layers_is_reached_by_the_gateway_endpoint_alone(
    harness: ServicesHarness, puller: Puller, endpoint: str
) -> None:
    assert puller.curl(BUCKET, "/x").returncode in NOTHING_SAID
    tables = harness.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [harness.vpc_id]}])
    made = harness.ec2.create_vpc_endpoint(
        VpcEndpointType="Gateway",
        VpcId=harness.vpc_id,
        ServiceName="com.amazonaws.us-east-1.s3",
        RouteTableIds=[tables["RouteTables"][0]["RouteTableId"]],
    )["VpcEndpoint"]["VpcEndpointId"]
    try:
        assert puller.curl(BUCKET, "/x").stdout == "403"
    finally:
        harness.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
