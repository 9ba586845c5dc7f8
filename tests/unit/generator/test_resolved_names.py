"""The names that a made VPC's resolver answers."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from troposphere import Sub

from coordination.names import URL_SUFFIXES
from generator.config import ClusterConfig
from generator.config.model import Access, Lifecycle, Network
from generator.layers.network.resolved_names import allowed, reverse_names
from generator.policies import called_actions
from rehearsal.machines.network.dns.firewall import domain_names
from tests.templates.linting import REGIONS

# Route 53 API reference, UpdateFirewallDomains; the dot is in its examples.
DOMAIN = re.compile(r"\*?[A-Za-z0-9.-]{1,254}")
RANGES = st.builds(
    lambda first, prefix: IPv4Network((first >> (32 - prefix) << (32 - prefix), prefix)),
    st.integers(0, 2**32 - 1),
    st.integers(16, 28),
)


def texts(config: ClusterConfig) -> list[str]:
    return [each.data["Fn::Sub"] if isinstance(each, Sub) else each for each in allowed(config)]


def test_the_default_cluster_resolves_awss_names_its_own_and_its_addresses() -> None:
    assert texts(ClusterConfig()) == [
        "*.${AWS::URLSuffix}",
        "*.${ClusterUuid}.holdfast.internal",
        "*.compute.internal",
        "*.ec2.internal",
        "*.0.10.in-addr.arpa",
    ]


@pytest.mark.parametrize("region", sorted(chain.from_iterable(REGIONS.values())))
def test_each_service_that_a_node_calls_has_a_name_that_is_answered(region: str) -> None:
    session: Any = boto3.Session(region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
    suffix = URL_SUFFIXES[session.get_partition_for_region(region)]
    names = domain_names(tuple(each.replace("${AWS::URLSuffix}", suffix) for each in texts(ClusterConfig())))
    everything = ClusterConfig(access=Access(ssm=True), lifecycle=Lifecycle(function_in_vpc=True))
    # The SDK has no client of the messages of Session Manager.
    called = [service for service in called_actions(everything) if service != "ssmmessages"]
    names_of_clients = {"elasticloadbalancing": "elbv2"}
    asked = [
        str(urlsplit(session.client(names_of_clients.get(service, service)).meta.endpoint_url).hostname)
        for service in called
    ]
    asked.append(f"ssmmessages.{region}.{suffix}")
    assert len(asked) > 5
    assert [each for each in asked if each not in names] == []


def test_what_is_configured_comes_last() -> None:
    config = ClusterConfig(network=Network(dns_allowed_domains=("*.example.com", "a.example.net")))
    assert texts(config)[5:] == ["*.example.com", "a.example.net"]


@pytest.mark.parametrize(
    ("network", "names"),
    [
        ("10.20.0.0/16", ["*.20.10.in-addr.arpa"]),
        ("10.0.4.0/22", [f"*.{third}.0.10.in-addr.arpa" for third in (4, 5, 6, 7)]),
        ("192.168.1.0/24", ["*.1.168.192.in-addr.arpa"]),
        ("192.168.1.16/30", [f"{last}.1.168.192.in-addr.arpa" for last in (16, 17, 18, 19)]),
    ],
)
def test_a_range_becomes_whole_octets(network: str, names: list[str]) -> None:
    assert reverse_names(IPv4Network(network)) == names


@given(RANGES, st.integers(0, 2**32 - 1))
def test_an_address_is_looked_up_exactly_if_it_is_in_the_range(network: IPv4Network, number: int) -> None:
    names = reverse_names(network)
    assert len(names) <= 128
    assert all(DOMAIN.fullmatch(name) for name in names)

    inside = network[number % network.num_addresses]
    neighbours = [int(network[0]) - 1, int(network[-1]) + 1]
    for address in (inside, IPv4Address(number), *(IPv4Address(each % 2**32) for each in neighbours)):
        asked = address.reverse_pointer
        matches = [name for name in names if name == asked or (name[0] == "*" and asked.endswith(name[1:]))]
        assert len(matches) == (address in network)
