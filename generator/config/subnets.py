"""How the VPC's range is cut into subnets: pure arithmetic, used by the network layer and by the rules.

The range is cut into eighths. The first eighth belongs to the control planes and is itself cut into eighths, one per
zone; the second to seventh are the workers' subnets, one per zone; the last stays free. A zone's subnets depend on the
zone's index alone, so adding a zone never moves a subnet that exists (CloudFormation would have to replace it).

    10.0.0.0/16   10.0.0.0/22  control planes, first zone      10.0.32.0/19  workers, first zone
                  10.0.4.0/22  control planes, second zone     10.0.64.0/19  workers, second zone
"""

from __future__ import annotations

from ipaddress import IPv4Network

from generator.config.model import ClusterConfig

MAX_ZONES = 6

# AWS keeps the first four addresses and the last one of every subnet.
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED_ADDRESSES_PER_SUBNET = 5

_EIGHTH_BITS = 3

# A control-plane subnet holds at most ten control planes (five slots in one zone, each beside its replacement), an
# address of the load balancer and one of each interface endpoint (about a dozen): a /27 has 27 for them.
SMALLEST_CONTROL_PLANE_SUBNET = 27
LONGEST_VPC_PREFIX = SMALLEST_CONTROL_PLANE_SUBNET - 2 * _EIGHTH_BITS


def control_plane_subnets(config: ClusterConfig) -> list[str]:
    """The ranges of the control planes' subnets, one per zone, in the order of the zones."""
    first_eighth = _eighths(IPv4Network(config.network.vpc_cidr))[0]
    return [str(subnet) for subnet in _eighths(first_eighth)[: config.zones]]


def worker_subnets(config: ClusterConfig) -> list[str]:
    """The ranges of the workers' subnets, one per zone, in the order of the zones."""
    return [str(subnet) for subnet in _eighths(IPv4Network(config.network.vpc_cidr))[1 : config.zones + 1]]


def worker_addresses(config: ClusterConfig) -> int:
    """How many addresses all worker subnets together have for nodes."""
    return sum(IPv4Network(subnet).num_addresses - RESERVED_ADDRESSES_PER_SUBNET for subnet in worker_subnets(config))


def _eighths(network: IPv4Network) -> list[IPv4Network]:
    return list(network.subnets(prefixlen_diff=_EIGHTH_BITS))
