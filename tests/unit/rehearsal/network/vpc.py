"""A small VPC for the tests of what is decided about packets."""

from __future__ import annotations

from rehearsal.machines.model import Interface
from rehearsal.machines.network.topology import ANY, Group, Nic, Rule, Subnet, Topology

VPC_ID = "vpc-0a1b2c3d"
SUBNETS = {"subnet-1": Subnet("subnet-1", "us-east-1a", "10.0.0.0/24")}
NODE, OTHER_NODE, DATABASE, MIXED = "10.0.0.10", "10.0.0.11", "10.0.0.20", "10.0.0.30"
"""`node`, `node`, `database`, and one in both groups."""


def topology(
    egress: tuple[Rule, ...] = (Rule("-1", cidr="0.0.0.0/0"),),
    ingress: tuple[Rule, ...] = (),
    *,
    node_ingress: tuple[Rule, ...] = (),
    prefix_lists: dict[str, tuple[str, ...]] | None = None,
) -> Topology:
    """Nodes that may send what `egress` says, and a database that takes what `ingress` says."""
    nics = tuple(
        Nic(f"eni-{address}", "subnet-1", address, groups, f"i-{address}")
        for address, groups in (
            (NODE, ("sg-node",)),
            (OTHER_NODE, ("sg-node",)),
            (DATABASE, ("sg-database",)),
            (MIXED, ("sg-database", "sg-node")),
        )
    )
    groups = {
        "sg-node": Group("sg-node", "Node", node_ingress, egress),
        "sg-database": Group("sg-database", "Database", ingress, ()),
    }
    return Topology(VPC_ID, ("10.0.0.0/16",), SUBNETS, nics, groups, prefix_lists or {})


def interface(number: int, zone: str = "us-east-1a") -> Interface:
    """An interface whose id ends with a number."""
    return Interface(f"eni-0000000{number}", VPC_ID, "subnet-1", zone, f"10.0.0.{number}", f"02:00:00:00:00:0{number}")


def tcp(first: int, last: int | None = None, **peer: str) -> Rule:
    """A rule for TCP, by default for anybody."""
    return Rule("tcp", first, first if last is None else last, **(peer or {"cidr": "0.0.0.0/0"}))


def icmp(kind: int, code: int = ANY) -> Rule:
    """A rule for ICMP, for anybody."""
    return Rule("icmp", kind, code, cidr="0.0.0.0/0")
