"""The cut of the VPC into subnets."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.config import ClusterConfig, parse
from generator.config.model import Network
from generator.config.subnets import (
    LONGEST_VPC_PREFIX,
    control_plane_subnets,
    most_zones,
    worker_addresses,
    worker_subnets,
)


@st.composite
def made_networks(draw: Callable[..., Any]) -> ClusterConfig:
    """Any VPC that the rules let a cluster make."""
    prefix = draw(st.integers(16, LONGEST_VPC_PREFIX))
    index = draw(st.integers(0, 2 ** (prefix - 8) - 1))
    vpc = IPv4Network((int(IPv4Network("10.0.0.0/8").network_address) + index * 2 ** (32 - prefix), prefix))
    return ClusterConfig(zones=draw(st.integers(1, most_zones(vpc))), network=Network(vpc_cidr=str(vpc)))


def test_the_default_range_is_cut_as_the_module_says() -> None:
    config = ClusterConfig()
    assert control_plane_subnets(config) == ["10.0.0.0/22", "10.0.4.0/22", "10.0.8.0/22"]
    assert worker_subnets(config) == ["10.0.32.0/19", "10.0.64.0/19", "10.0.96.0/19"]
    assert worker_addresses(config) == 3 * (8192 - 5)


def test_a_small_range_is_cut_as_the_module_says() -> None:
    config = parse("{network: {vpcCidr: 10.1.4.0/22}, pools: [{name: general, maxSize: 20}]}")
    assert control_plane_subnets(config) == ["10.1.7.0/26", "10.1.7.64/26", "10.1.7.128/26"]
    assert worker_subnets(config) == ["10.1.4.0/24", "10.1.5.0/24", "10.1.6.0/24"]
    assert worker_addresses(config) == 3 * (256 - 5)


@settings(deadline=None)
@given(made_networks())
def test_the_last_sixteen_addresses_stay_free(config: ClusterConfig) -> None:
    """Where the local cloud has clients that are no nodes."""
    last = list(IPv4Network(config.network.vpc_cidr).subnets(new_prefix=28))[-1]
    subnets = [IPv4Network(text) for text in control_plane_subnets(config) + worker_subnets(config)]
    assert not any(subnet.overlaps(last) for subnet in subnets)


@settings(deadline=None)
@given(made_networks())
def test_subnets_lie_in_the_vpc_and_never_overlap(config: ClusterConfig) -> None:
    subnets = [IPv4Network(text) for text in control_plane_subnets(config) + worker_subnets(config)]
    vpc = IPv4Network(config.network.vpc_cidr)
    assert len(subnets) == 2 * config.zones
    assert all(subnet.subnet_of(vpc) for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


@settings(deadline=None)
@given(made_networks())
def test_every_subnet_has_a_size_that_aws_accepts_and_control_planes_fit(config: ClusterConfig) -> None:
    for text in control_plane_subnets(config):
        assert 16 <= IPv4Network(text).prefixlen <= 27
    for text in worker_subnets(config):
        assert 16 <= IPv4Network(text).prefixlen <= 25


@settings(deadline=None)
@given(made_networks())
def test_a_zone_more_moves_no_subnet(config: ClusterConfig) -> None:
    for zones in range(1, most_zones(IPv4Network(config.network.vpc_cidr))):
        fewer, more = (msgspec.structs.replace(config, zones=count) for count in (zones, zones + 1))
        assert control_plane_subnets(more)[:zones] == control_plane_subnets(fewer)
        assert worker_subnets(more)[:zones] == worker_subnets(fewer)
