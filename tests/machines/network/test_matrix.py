"""The security groups of the generated templates, from inside: who reaches whom at which ports, and nothing else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.model import Interface
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.firewall import allowed
from rehearsal.machines.network.topology import read_topology
from tests.machines.network.harness import ALL, ANYWHERE
from tests.machines.network.probing import Probe, drops, listening, passing
from tests.waiting import wait_for

TEMPLATE = Path(__file__).parents[3] / "templates" / "network.json"
CLIENTS = "10.0.255.0/24"
"""A subnet of somebody else who may use the API."""

CONTROL_PLANE, WORKER, BALANCER, ENDPOINT, CLIENT = "control plane", "worker", "balancer", "endpoint", "client"
TCP = (22, 53, 80, 443, 2379, 2380, 2381, 4240, 6443, 6444, 8472, 10250, 10255, 10257, 10259, 30000)
UDP = (53, 443, 6443, 8472, 10250, 51871)
EXPECTED = {
    (CONTROL_PLANE, CONTROL_PLANE): "2379/tcp 2380/tcp 6443/tcp 10250/tcp 4240/tcp 51871/udp 0/icmp",
    (CONTROL_PLANE, WORKER): "10250/tcp 4240/tcp 51871/udp 0/icmp",
    (CONTROL_PLANE, BALANCER): "6443/tcp",
    (CONTROL_PLANE, ENDPOINT): "443/tcp",
    (WORKER, CONTROL_PLANE): "6443/tcp 10250/tcp 4240/tcp 51871/udp 0/icmp",
    (WORKER, WORKER): "10250/tcp 4240/tcp 51871/udp 0/icmp",
    (WORKER, BALANCER): "6443/tcp",
    (WORKER, ENDPOINT): "443/tcp",
    (BALANCER, CONTROL_PLANE): "6443/tcp",
    (CLIENT, BALANCER): "6443/tcp",
}
"""Who reaches whom; what is not here does not arrive. A client takes everything, and still gets nothing else."""
WITHOUT_PREFIX_LISTS = EXPECTED | {(CONTROL_PLANE, CLIENT): "443/tcp", (WORKER, CLIENT): "443/tcp"}
"""S3 and DynamoDB may then be anywhere."""


class Network:
    """The network template, deployed; and interfaces of every kind."""

    def __init__(self, aws: LocalAws, fabric: Fabric, prefix_lists: Mapping[str, str]) -> None:
        self._aws = aws
        self._fabric = fabric
        self._ec2 = aws.client("ec2")
        self._resources = self._deploy(prefix_lists)
        self.vpc_id = self._resources["Vpc"]
        self.interfaces: dict[str, list[Interface]] = {}
        for kind, group, subnet in (
            (CONTROL_PLANE, "ControlPlaneGroup", "ControlPlaneSubnet"),
            (WORKER, "WorkerGroup", "WorkerSubnet"),
            (BALANCER, "BalancerGroup", "ControlPlaneSubnet"),
        ):
            places = [self._resources[f"{subnet}{number}"] for number in (0, 1)]
            self.interfaces[kind] = [self._made(place, self._resources[group]) for place in places]
        endpoint = self._ec2.describe_vpc_endpoints(VpcEndpointIds=[self._resources["SsmEndpoint"]])["VpcEndpoints"][0]
        self.interfaces[ENDPOINT] = [self._found(each) for each in endpoint["NetworkInterfaceIds"][:2]]
        self.interfaces[CLIENT] = [self._client()]
        self.namespaces = {each.address: fabric.attach(each) for each in itertools.chain(*self.interfaces.values())}

    def kind_of(self, address: str) -> str:
        """What has an address."""
        return next(kind for kind, all_of in self.interfaces.items() if address in {each.address for each in all_of})

    def arriving(self, expected: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], list[set[str]]]:
        """What arrives, for each pair of kinds and for each pair of interfaces; the expected is waited for."""
        kinds = [("tcp", port) for port in TCP] + [("udp", port) for port in UDP] + [("icmp", 0)]
        found: dict[tuple[str, str], list[set[str]]] = {}
        with listening(self.namespaces, TCP, UDP) as heard:
            for source in self.namespaces:
                targets = [target for target in self.namespaces if target != source]
                probes = [Probe(source, target, *kind) for target in targets for kind in kinds]
                pairs = {target: (self.kind_of(source), self.kind_of(target)) for target in targets}
                wanted = {each for each in probes if named(each) in expected.get(pairs[each.target], "").split()}
                arrived = passing(probes, self.namespaces, heard, wanted)
                for target, pair in pairs.items():
                    what = {named(each) for each in arrived if each.target == target}
                    found.setdefault(pair, []).append(what)
        return found

    def _key(self) -> str:
        """One that CloudWatch Logs may use, for the log group of flows."""
        use = {"Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Action": "kms:*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [{**use, "Resource": "*"}]})
        return str(self._aws.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"])

    def _deploy(self, prefix_lists: Mapping[str, str]) -> dict[str, str]:
        """The physical ids of the stack's resources."""
        name = f"network-{len(prefix_lists)}"
        role = self._aws.client("iam").create_role(RoleName=f"{name}-logs", AssumeRolePolicyDocument="{}")["Role"]
        zones = [zone["ZoneName"] for zone in self._ec2.describe_availability_zones()["AvailabilityZones"]]
        values = {
            "ApiClientCidrs": CLIENTS,
            "ApiClientPrefixListId": "",
            "S3PrefixListId": "",
            "DynamodbPrefixListId": "",
            **prefix_lists,
            "Zones": ",".join(zones[:3]),
            "FlowLogRoleName": role["RoleName"],
            "FlowLogRoleArn": role["Arn"],
            "KeyArn": self._key(),
            "LogRetentionDays": "30",
            "ClusterUuid": "0b1c2d3e-0000-4000-8000-000000000000",
        }
        cloudformation = self._aws.client("cloudformation")
        cloudformation.create_stack(
            StackName=name,
            # Without its white space, which is most of it: a request takes 51,200 bytes.
            TemplateBody=json.dumps(json.loads(TEMPLATE.read_text(encoding="utf-8")), separators=(",", ":")),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_IAM"],
        )

        def status() -> str:
            now = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
            return "" if now == "CREATE_IN_PROGRESS" else now

        assert wait_for(status, "the stack of the network") == "CREATE_COMPLETE"
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = itertools.chain(*(page["StackResourceSummaries"] for page in pages))
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}

    def _client(self) -> Interface:
        subnet = self._ec2.create_subnet(VpcId=self.vpc_id, CidrBlock=CLIENTS)["Subnet"]["SubnetId"]
        group = self._ec2.create_security_group(GroupName="client", Description="x", VpcId=self.vpc_id)["GroupId"]
        self._ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ALL | ANYWHERE])
        return self._made(subnet, group)

    def _made(self, subnet: str, group: str) -> Interface:
        made = self._ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
        return self._found(made["NetworkInterfaceId"])

    def _found(self, interface_id: str) -> Interface:
        found: dict[str, Any] = self._ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])[
            "NetworkInterfaces"
        ][0]
        place = (found["VpcId"], found["SubnetId"], found["AvailabilityZone"])
        return Interface(interface_id, *place, found["PrivateIpAddress"], found["MacAddress"])


@pytest.fixture(scope="module")
def prefix_lists(aws: LocalAws) -> dict[str, str]:
    """The parameters that name the prefix lists of S3 and DynamoDB."""
    found = {
        each["PrefixListName"].rpartition(".")[2]: each["PrefixListId"]
        for each in aws.client("ec2").describe_managed_prefix_lists()["PrefixLists"]
    }
    return {"S3PrefixListId": found["s3"], "DynamodbPrefixListId": found["dynamodb"]}


@pytest.fixture(scope="module")
def network(aws: LocalAws, fabric: Fabric, prefix_lists: dict[str, str]) -> Network:
    """The network of a cluster that was told the prefix lists."""
    return Network(aws, fabric, prefix_lists)


def named(probe: Probe) -> str:
    """A probe as the expectations write it."""
    return f"{probe.port}/{probe.protocol}"


def spelt_out(expected: Mapping[tuple[str, str], str], found: Mapping[tuple[str, str], Any]) -> Any:
    """The expectation for each pair of interfaces, in the form of `Network.arriving`."""
    return {pair: [set(expected.get(pair, "").split())] * len(cells) for pair, cells in found.items()}


def test_exactly_the_expected_ports_are_reached_between_all_kinds_of_machines(network: Network) -> None:
    found = network.arriving(EXPECTED)
    assert found == spelt_out(EXPECTED, found)
    # One client: all other kinds meet their own kind too.
    assert len(found) == len(network.interfaces) ** 2 - 1


def test_without_prefix_lists_port_443_outside_of_the_cluster_is_open_too(aws: LocalAws, fabric: Fabric) -> None:
    found = Network(aws, fabric, {}).arriving(WITHOUT_PREFIX_LISTS)
    assert found == spelt_out(WITHOUT_PREFIX_LISTS, found)


@pytest.mark.parametrize("kind", [CONTROL_PLANE, WORKER])
def test_s3_and_dynamodb_are_let_out_to_by_their_prefix_lists(
    aws: LocalAws, network: Network, prefix_lists: dict[str, str], kind: str
) -> None:
    topology = read_topology(aws, network.vpc_id)
    source = network.interfaces[kind][0].address
    for list_id in prefix_lists.values():
        target = topology.prefix_lists[list_id][0].partition("/")[0]
        assert allowed(topology, source, target, "tcp", 443).allowed
        assert not allowed(topology, source, target, "tcp", 80).allowed
    assert not allowed(topology, source, "192.0.2.1", "tcp", 443).allowed


def test_a_missing_rule_is_named(network: Network, fabric: Fabric) -> None:
    worker, control_plane = network.interfaces[WORKER][0], network.interfaces[CONTROL_PLANE][0]
    assert drops(network.namespaces[worker.address], control_plane.address, 2379)
    ends = (worker.interface_id, control_plane.interface_id, 2379)
    (line,) = [str(each) for each in fabric.refused() if (each.source_owner, each.target_owner, each.port) == ends]
    assert "refused: no egress rule of sg-" in line
    assert "WorkerGroup" in line
