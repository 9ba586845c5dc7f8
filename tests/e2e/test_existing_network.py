"""A network that somebody else runs: central interface endpoints behind a peering, workers in a secondary range."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local.given_network import GATEWAY_SERVICES, make_gateway_endpoints
from rehearsal.local.processes import Processes
from tests.e2e import pulling
from tests.e2e.harness import ROOT, ClusterHarness, created, prepared
from tests.waiting import wait_for

EXAMPLE = ROOT / "examples" / "existing-network.yaml"
WAITING_CALLS = 10
"""After so many calls that no answer came to, an instance has waited for a while."""
SAID_SECONDS = 240.0
CALLS = re.compile(r"\((\d+) calls\)$")


def test_the_example_boots_and_its_deletion_leaves_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster makes its gateway endpoints; every other call goes over the peering."""
    monkeypatch.chdir(ROOT)
    with Processes(tmp_path) as processes:
        rehearsal = MachineRehearsal(EXAMPLE, tmp_path, processes)
        rehearsal.deploy()
        rehearsal.check_cluster()
        rehearsal.check_calls()
        assert_workers_are_in(rehearsal, rehearsal.local.facts.network.cidrs[1])
        # Of this it says what is left beside what was there before.
        rehearsal.local.delete()


def test_nodes_wait_until_the_owner_of_the_network_makes_gateway_endpoints(tmp_path: Path) -> None:
    """`gatewayEndpoints: given`, and there are none: gateway endpoints of the VPC behind the peering are no help."""
    config = tmp_path / "given.yaml"
    text = EXAMPLE.read_text(encoding="utf-8")
    assert "gatewayEndpoints: create" in text
    config.write_text(text.replace("gatewayEndpoints: create", "gatewayEndpoints: given"), encoding="utf-8")
    with prepared(tmp_path, node_settings={}, parameters={}, program=None, config=config) as rehearsal:
        ec2 = rehearsal.local.client("ec2")
        (vpc_id, table_id), region = taken_away(ec2), rehearsal.local.facts.region
        hub = hub_of(ec2, vpc_id)
        make_gateway_endpoints(ec2, hub, main_table(ec2, hub), region)
        cluster = created(rehearsal)
        try:
            waiting = wait_for(lambda: all_wait(rehearsal), "three control planes that wait", SAID_SECONDS, 1)
            assert (cluster.look().record, dict(cluster.look().boots)) == (None, {}), waiting
            for each in cluster.look().control_planes:
                last = cluster.log(each)[-1]
                assert (last["stage"], last["outcome"]) == ("boot-row", "waiting")
            make_gateway_endpoints(ec2, vpc_id, table_id, region)
            boots(cluster, rehearsal)
            # The registry is behind the peering, too; its layers come through the VPC's own gateway endpoint.
            pulling.start(
                cluster, "pulled", min(cluster.look().workers), pulling.push(cluster, tmp_path, "holdfast/app")
            )
            pulling.running_image(cluster, "pulled")
        finally:
            cluster.close()


def all_wait(rehearsal: MachineRehearsal) -> list[str]:
    """What each control plane is refused at the first service that it asks, once all of them wait; empty before."""
    slots = {row.instance_id for row in rehearsal.rows() if row.place.startswith("slot")}
    lines = [line for line in rehearsal.refusals() if " called dynamodb " in line]
    found = {
        line.split()[1]: line for line in lines if (calls := CALLS.search(line)) and int(calls[1]) >= WAITING_CALLS
    }
    assert all("has no endpoint com.amazonaws.us-east-1.dynamodb" in line for line in lines), lines
    return list(found.values()) if len(slots) == rehearsal.local.facts.slots and slots == found.keys() else []


def boots(cluster: ClusterHarness, rehearsal: MachineRehearsal) -> None:
    """The instances that waited go on, and no others come in their place."""
    waited = cluster.look().control_planes
    rehearsal.complete()
    rehearsal.check_cluster()
    rehearsal.check_calls()
    seen = cluster.look()
    assert seen.control_planes == waited
    assert len(seen.members) == rehearsal.local.facts.slots


def taken_away(ec2: Any) -> tuple[str, str]:
    """Delete the gateway endpoints that the fixture has made; their VPC and route table."""
    filters = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
    found = ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
    assert len(found) == len(GATEWAY_SERVICES)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[each["VpcEndpointId"] for each in found])
    (table_id,) = found[0]["RouteTableIds"]
    return str(found[0]["VpcId"]), str(table_id)


def hub_of(ec2: Any, vpc_id: str) -> str:
    """The peer of a VPC."""
    (peering,) = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    assert peering["RequesterVpcInfo"]["VpcId"] == vpc_id
    return str(peering["AccepterVpcInfo"]["VpcId"])


def main_table(ec2: Any, vpc_id: str) -> str:
    """The one route table of a VPC that has no other."""
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    return str(table["RouteTableId"])


def assert_workers_are_in(rehearsal: MachineRehearsal, cidr: str) -> None:
    instances = rehearsal.local.client("ec2").describe_instances()["Reservations"]
    addresses = {
        each["InstanceId"]: IPv4Address(each["PrivateIpAddress"])
        for reservation in instances
        for each in reservation["Instances"]
        if each["State"]["Name"] == "running"
    }
    for row in rehearsal.rows():
        is_worker = not row.place.startswith("slot")
        assert (addresses[row.instance_id] in IPv4Network(cidr)) == is_worker, (row, addresses)
