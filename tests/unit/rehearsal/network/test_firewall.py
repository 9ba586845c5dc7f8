"""What security groups let pass, as a table; and the reasons of refusals."""

from __future__ import annotations

import pytest

from rehearsal.machines.network.firewall import Verdict, allowed
from rehearsal.machines.network.topology import ANY, Rule
from tests.unit.rehearsal.network.vpc import DATABASE, MIXED, NODE, OTHER_NODE, icmp, tcp, topology

YES, NO = True, False
ECHO = 8


@pytest.mark.parametrize(
    ("rule", "source", "traffic", "expected"),
    [
        # ports
        (tcp(5432), NODE, ("tcp", 5432), YES),
        (tcp(5432), NODE, ("tcp", 5431), NO),
        (tcp(5432), NODE, ("udp", 5432), NO),
        (tcp(2379, 2380), NODE, ("tcp", 2379), YES),
        (tcp(2379, 2380), NODE, ("tcp", 2380), YES),
        (tcp(2379, 2380), NODE, ("tcp", 2381), NO),
        (tcp(0, 65535), NODE, ("tcp", 65535), YES),
        # A port that EC2 would not take is nothing's.
        (tcp(-1), NODE, ("tcp", 5432), NO),
        (Rule("tcp", cidr="0.0.0.0/0"), NODE, ("tcp", 5432), NO),
        # protocols
        (Rule("-1", cidr="0.0.0.0/0"), NODE, ("tcp", 1), YES),
        (Rule("-1", cidr="0.0.0.0/0"), NODE, ("icmp", ECHO), YES),
        (Rule("-1", cidr="0.0.0.0/0"), NODE, ("50", None), YES),
        (Rule("50", cidr="0.0.0.0/0"), NODE, ("50", None), YES),
        (Rule("50", cidr="0.0.0.0/0"), NODE, ("51", None), NO),
        # ICMP
        (icmp(ECHO, 0), NODE, ("icmp", ECHO), YES),
        (icmp(ECHO), NODE, ("icmp", ECHO), YES),
        (icmp(ANY), NODE, ("icmp", ECHO), YES),
        (icmp(ECHO, 1), NODE, ("icmp", ECHO), NO),
        (icmp(252, 86), NODE, ("icmp", ECHO), NO),
        (icmp(ECHO), NODE, ("tcp", ECHO), NO),
        # addresses
        (tcp(1, cidr="10.0.0.0/24"), NODE, ("tcp", 1), YES),
        (tcp(1, cidr="10.0.0.10/32"), NODE, ("tcp", 1), YES),
        (tcp(1, cidr="10.0.0.10/32"), OTHER_NODE, ("tcp", 1), NO),
        # EC2 takes a CIDR with bits beyond its prefix, and means the network.
        (tcp(1, cidr="10.0.0.200/24"), NODE, ("tcp", 1), YES),
        (Rule("tcp", 1, 1), NODE, ("tcp", 1), NO),
        # groups
        (tcp(1, group_id="sg-node"), NODE, ("tcp", 1), YES),
        (tcp(1, group_id="sg-node"), MIXED, ("tcp", 1), YES),
        (tcp(1, group_id="sg-database"), NODE, ("tcp", 1), NO),
        (tcp(1, group_id="sg-database"), MIXED, ("tcp", 1), YES),
        (tcp(1, group_id="sg-gone"), NODE, ("tcp", 1), NO),
        # prefix lists
        (tcp(1, prefix_list_id="pl-nodes"), NODE, ("tcp", 1), YES),
        (tcp(1, prefix_list_id="pl-nodes"), OTHER_NODE, ("tcp", 1), NO),
        (tcp(1, prefix_list_id="pl-gone"), NODE, ("tcp", 1), NO),
    ],
)
def test_a_rule_lets_in_what_it_says(rule: Rule, source: str, traffic: tuple[str, int | None], expected: bool) -> None:
    vpc = topology(ingress=(rule,), prefix_lists={"pl-nodes": ("10.0.0.10/32", "10.1.0.0/16")})
    assert allowed(vpc, source, DATABASE, *traffic).allowed is expected


@pytest.mark.parametrize(
    ("rule", "target", "expected"),
    [
        (tcp(443, group_id="sg-database"), DATABASE, YES),
        (tcp(443, group_id="sg-node"), DATABASE, NO),
        (tcp(443, cidr="10.0.0.20/32"), DATABASE, YES),
        (tcp(443, cidr="10.0.0.21/32"), DATABASE, NO),
        (tcp(443, prefix_list_id="pl-s3"), "52.216.0.1", YES),
        (tcp(443, prefix_list_id="pl-s3"), "52.218.0.1", NO),
        (tcp(443, cidr="0.0.0.0/0"), "52.218.0.1", YES),
        (tcp(80, cidr="0.0.0.0/0"), "52.218.0.1", NO),
        # Within the VPC an address without an interface is nobody's.
        (tcp(443, cidr="0.0.0.0/0"), "10.0.0.99", NO),
    ],
)
def test_a_rule_lets_out_what_it_says(rule: Rule, target: str, expected: bool) -> None:
    vpc = topology((rule,), (tcp(443),), prefix_lists={"pl-s3": ("52.216.0.0/15",)})
    assert allowed(vpc, NODE, target, "tcp", 443).allowed is expected


def test_one_of_many_groups_is_enough() -> None:
    vpc = topology(ingress=(tcp(5432),), node_ingress=(tcp(22),))
    assert allowed(vpc, NODE, MIXED, "tcp", 5432).allowed
    assert allowed(vpc, NODE, MIXED, "tcp", 22).allowed


def test_members_of_a_group_do_not_reach_each_other_unless_a_rule_says_so() -> None:
    assert not allowed(topology(), NODE, OTHER_NODE, "tcp", 80).allowed
    mutual = topology(node_ingress=(tcp(80, group_id="sg-node"),))
    assert allowed(mutual, NODE, OTHER_NODE, "tcp", 80).allowed


def test_what_is_allowed_has_no_reason() -> None:
    assert allowed(topology(ingress=(tcp(1),)), NODE, DATABASE, "tcp", 1) == Verdict(True)


@pytest.mark.parametrize(
    ("egress", "ingress", "source", "target", "reason"),
    [
        ((), (tcp(1),), NODE, DATABASE, "no egress rule of sg-node (Node) allows it"),
        ((), (), NODE, DATABASE, "no egress rule of sg-node (Node) allows it"),
        ((tcp(1),), (), NODE, DATABASE, "no ingress rule of sg-database (Database) allows it"),
        ((tcp(1),), (), NODE, MIXED, "no ingress rule of sg-database (Database), sg-node (Node) allows it"),
        ((tcp(1),), (tcp(1),), NODE, "10.0.0.99", "no network interface has the address 10.0.0.99"),
        ((tcp(1),), (tcp(1),), "10.0.0.99", NODE, "no network interface has the address 10.0.0.99"),
    ],
)
def test_a_refusal_names_the_groups_that_lack_a_rule(
    egress: tuple[Rule, ...], ingress: tuple[Rule, ...], source: str, target: str, reason: str
) -> None:
    assert allowed(topology(egress, ingress), source, target, "tcp", 1) == Verdict(False, reason)
