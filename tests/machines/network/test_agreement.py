"""The decision and the firewall are one: for any groups, exactly those packets arrive that `allowed` lets pass."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.firewall import allowed
from rehearsal.machines.network.names import cloud_prefix, namespace_of
from rehearsal.machines.network.router import Router
from rehearsal.machines.network.ruleset import rules
from rehearsal.machines.network.topology import ALL, ANY, Group, Nic, Rule, Subnet, Topology
from tests.machines.claims import claimed_cloud
from tests.machines.network.probing import Probe, listening, passing

VPC_CIDR, SUBNET = "10.0.0.0/16", Subnet("subnet-1", "us-east-1a", "10.0.0.0/24")
INTERFACES = tuple(
    Interface(f"eni-0000000{number}", "vpc-00000000", SUBNET.subnet_id, SUBNET.zone, f"10.0.0.{3 + number}", mac)
    for number, mac in enumerate(("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"), 1)
)
GROUPS = ("sg-1", "sg-2", "sg-3")
PREFIX_LIST = "pl-1"
TCP, UDP = (22, 80, 81, 6443), (53, 8472)
ECHO = 8
EXAMPLES = 25
PORTS = st.sampled_from([0, 22, 53, 79, 80, 81, 6443, 8472, 65535])


@st.composite
def traffic(draw: st.DrawFn) -> tuple[str, int | None, int | None]:
    """Protocol and ports of a rule, also such that EC2 would not take."""
    protocol = draw(st.sampled_from(["tcp", "tcp", "udp", "udp", "icmp", "icmp", ALL, "50"]))
    if protocol in (ALL, "50"):
        return protocol, None, None
    if protocol == "icmp":
        return protocol, draw(st.sampled_from([ANY, 0, ECHO, ECHO, 252, 300])), draw(st.sampled_from([ANY, 0, 0, 86]))
    first, last = draw(PORTS), draw(PORTS)
    return draw(st.sampled_from([(protocol, min(first, last), max(first, last))] * 4 + [(protocol, ANY, ANY)]))


@st.composite
def security_rules(draw: st.DrawFn) -> Rule:
    """Any rule."""
    peers = st.one_of(
        st.builds(lambda cidr: {"cidr": cidr}, st.sampled_from(["0.0.0.0/0", "10.0.0.4/32", "10.0.0.7/30"])),
        st.builds(lambda group: {"group_id": group}, st.sampled_from([*GROUPS, "sg-gone"])),
        st.just({"prefix_list_id": PREFIX_LIST}),
        st.just({}),
    )
    return Rule(*draw(traffic()), **draw(peers))


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """A VPC with three interfaces in any of three groups; most examples let something pass."""
    many = st.lists(security_rules(), min_size=2, max_size=6).map(tuple)
    nics = tuple(
        Nic(
            each.interface_id,
            each.subnet_id,
            each.address,
            tuple(sorted(draw(st.sets(st.sampled_from(GROUPS), min_size=1, max_size=2)))),
            "",
        )
        for each in INTERFACES
    )
    groups = {group_id: Group(group_id, "", draw(many), draw(many)) for group_id in GROUPS}
    prefix_list = tuple(draw(st.sets(st.sampled_from(["10.0.0.4/31", "10.0.0.0/29", "52.0.0.0/8"]))))
    return Topology("vpc-00000000", (VPC_CIDR,), {SUBNET.subnet_id: SUBNET}, nics, groups, {PREFIX_LIST: prefix_list})


@pytest.fixture(scope="module")
def bench() -> Iterator[tuple[Router, dict[str, str]]]:
    """A router with the interfaces, and their namespaces by address."""
    with claimed_cloud() as cloud_id:
        router = Router("vpc-00000000", namespace_of(cloud_id, "vpc-00000000"))
        try:
            router.make(VPC_CIDR)
            owners = {each.address: namespace_of(cloud_id, each.interface_id) for each in INTERFACES}
            for each in INTERFACES:
                router.connect(each, owners[each.address], SUBNET.cidr)
            yield router, owners
        finally:
            namespaces.remove(namespaces.existing(cloud_prefix(cloud_id)))


def test_exactly_what_is_allowed_arrives(bench: tuple[Router, dict[str, str]]) -> None:
    router, owners = bench
    probes = [
        Probe(source, target, protocol, port)
        for source, target in itertools.permutations(owners, 2)
        for protocol, ports in (("tcp", TCP), ("udp", UDP), ("icmp", (ECHO,)))
        for port in ports
    ]
    with listening(owners, TCP, UDP) as heard:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(topologies())
        def agree(topology: Topology) -> None:
            router.apply(rules(topology, INTERFACES))
            expected = {
                probe
                for probe in probes
                if allowed(topology, probe.source, probe.target, probe.protocol, probe.port).allowed
            }
            event(f"{'some' if expected else 'no'} packets pass")
            assert passing(probes, owners, heard, expected) == expected

        agree()
