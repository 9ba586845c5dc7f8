"""A VPC with a node in each of two subnets, an interface endpoint and a gateway endpoint: what a node needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rehearsal.machines.network.topology import Group, Nic, Rule, Subnet, Topology
from rehearsal.machines.reach.view import EndpointView, View

REGION = "us-east-1"
NODE, OTHER_NODE = "10.0.0.10", "10.0.1.10"
"""One in a subnet with a route table of its own, one in a subnet that has the main table."""
FIRST, SECOND = "10.0.0.100", "10.0.1.100"
"""The interfaces of the endpoint for SSM, in two zones."""
PREFIXES = ("52.216.0.0/15", "3.5.0.0/19")
ANYWHERE = "0.0.0.0/0"


def tcp(port: int, **peer: str) -> Rule:
    """A rule for one TCP port."""
    return Rule("tcp", port, port, **peer)


NODE_EGRESS = (tcp(443, group_id="sg-endpoint"), tcp(443, prefix_list_id="pl-s3"))
ENDPOINT_INGRESS = (tcp(443, group_id="sg-node"),)
SSM = EndpointView(
    "vpce-ssm", "vpc-1", f"com.amazonaws.{REGION}.ssm", False, "available", True, None, addresses=(FIRST, SECOND)
)
S3 = EndpointView(
    "vpce-s3",
    "vpc-1",
    f"com.amazonaws.{REGION}.s3",
    True,
    "available",
    False,
    None,
    prefixes=PREFIXES,
    route_tables=frozenset({"rtb-own"}),
)


def view(
    *endpoints: EndpointView,
    egress: tuple[Rule, ...] = NODE_EGRESS,
    ingress: tuple[Rule, ...] = ENDPOINT_INGRESS,
    groups_of_second: tuple[str, ...] = ("sg-endpoint",),
) -> View:
    """The VPC with these endpoints, both by default."""
    nics = (
        Nic("eni-node", "subnet-own", NODE, ("sg-node",), "i-node"),
        Nic("eni-other", "subnet-main", OTHER_NODE, ("sg-node",), "i-other"),
        Nic("eni-first", "subnet-own", FIRST, ("sg-endpoint",), "endpoint"),
        Nic("eni-second", "subnet-main", SECOND, groups_of_second, "endpoint"),
    )
    topology = Topology(
        "vpc-1",
        ("10.0.0.0/16",),
        {
            "subnet-own": Subnet("subnet-own", "us-east-1a", "10.0.0.0/24"),
            "subnet-main": Subnet("subnet-main", "us-east-1b", "10.0.1.0/24"),
        },
        nics,
        {
            "sg-node": Group("sg-node", "Node", (), egress),
            "sg-endpoint": Group("sg-endpoint", "Endpoint", ingress, ()),
            "sg-closed": Group("sg-closed", "Closed", (), ()),
        },
        {"pl-s3": PREFIXES},
        table_of_subnet={"subnet-own": "rtb-own", "subnet-main": "rtb-main"},
    )
    return View(topology, endpoints or (SSM, S3))


def with_(endpoint: EndpointView, **fields: Any) -> EndpointView:
    """An endpoint that differs in some fields."""
    return replace(endpoint, **fields)
