"""The text that a router is given. That it does what it says is tested with packets in tests/machines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.network.ruleset import Cuts, rules
from rehearsal.machines.network.topology import ANY, Rule
from tests.unit.rehearsal.network.vpc import icmp, interface, tcp, topology


def chain(name: str, text: str) -> list[str]:
    """The rules of a chain."""
    inside = text.partition(f"  chain {name} {{")[2].partition("\n  }")[0]
    return [line.strip() for line in inside.splitlines()[1:]]


def elements(name: str, text: str) -> str:
    """The definition of a set."""
    return text.partition(f"  set {name} {{ ")[2].partition(" }\n")[0]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (tcp(443), "tcp dport 443-443 "),
        (tcp(2379, 2380, cidr="10.0.0.0/8"), "tcp dport 2379-2380 ip saddr 10.0.0.0/8 "),
        (tcp(-1, 80), "tcp dport 0-80 "),
        (tcp(80, 70000), "tcp dport 80-65535 "),
        (Rule("udp", 53, 53, group_id="sg-node"), "udp dport 53-53 ip saddr @sg_node "),
        (Rule("-1", cidr="0.0.0.0/0"), ""),
        (Rule("-1", prefix_list_id="pl-1"), "ip saddr @pl_1 "),
        (Rule("50", cidr="10.0.0.200/24"), "meta l4proto 50 ip saddr 10.0.0.0/24 "),
        (icmp(8, 0), "icmp type 8 icmp code 0 "),
        (icmp(8), "icmp type 8 "),
        (icmp(ANY), "meta l4proto icmp "),
    ],
)
def test_a_rule_becomes_a_condition(rule: Rule, expected: str) -> None:
    text = rules(topology(ingress=(rule,), prefix_lists={"pl-1": ("10.0.0.0/8",)}), [])
    assert chain("ingress_sg_database", text) == [f"{expected}meta mark set 0x3 return"]


@pytest.mark.parametrize(
    "rule",
    [
        tcp(1, group_id="sg-gone"),
        Rule("tcp", 1, 1),
        Rule("tcp", cidr="0.0.0.0/0"),
        tcp(-1),
        tcp(70000),
        icmp(300),
        icmp(8, 300),
        Rule("300", cidr="0.0.0.0/0"),
        Rule("icmpv6", -1, -1, cidr="0.0.0.0/0"),
    ],
)
def test_a_rule_that_nothing_can_fulfil_is_not_there(rule: Rule) -> None:
    assert chain("ingress_sg_database", rules(topology(ingress=(rule,)), [])) == []


def test_a_group_is_the_set_of_its_addresses() -> None:
    text = rules(topology(), [])
    assert elements("sg_node", text) == "type ipv4_addr; elements = { 10.0.0.10, 10.0.0.11, 10.0.0.30 };"
    assert elements("sg_database", text) == "type ipv4_addr; elements = { 10.0.0.20, 10.0.0.30 };"


def test_a_source_is_known_by_its_interface() -> None:
    text = rules(topology(), [interface(2), interface(1)])
    assert '{ "eni00000001" . 10.0.0.1, "eni00000002" . 10.0.0.2 }' in elements("sources", text)


def test_cuts_come_before_connections_that_exist() -> None:
    text = rules(topology(), [interface(1), interface(2)], Cuts(frozenset({"eni-00000002"}), frozenset({"us-east-1a"})))
    forwarded = chain("forwarded", text)
    established = next(number for number, line in enumerate(forwarded) if "established" in line)
    cuts = [number for number, line in enumerate(forwarded) if line.endswith("drop")]
    assert len(cuts) == 3
    assert max(cuts) < established
    assert elements("cut", text) == 'type ifname; elements = { "eni00000002" };'
    assert '"eni00000001", "eni00000002"' in elements("zone_us_east_1a", text)


def test_the_order_of_interfaces_changes_nothing() -> None:
    there, back = [interface(1), interface(2)], [interface(2), interface(1)]
    assert rules(topology(), there) == rules(topology(), back)


def test_whose_an_interface_is_changes_nothing() -> None:
    vpc = topology()
    renamed = replace(vpc, nics=tuple(replace(nic, owner="i-new") for nic in vpc.nics))
    assert rules(vpc, []) == rules(renamed, [])
