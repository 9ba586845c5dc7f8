"""How the VPC's range is cut into subnets: pure arithmetic, used by the network layer and by the rules.

A range from /16 to /21 is cut into eighths. The first eighth belongs to the control planes and is itself cut into
eighths, one per zone; the second to seventh are the workers' subnets, one per zone; the last stays free.

    10.0.0.0/16   10.0.0.0/22  control planes, first zone      10.0.32.0/19  workers, first zone
                  10.0.4.0/22  control planes, second zone     10.0.64.0/19  workers, second zone

A smaller one, of /22 or /23, is cut into quarters, and has room for three zones. The first to third are the workers'
subnets; the last belongs to the control planes, and of its quarters the last stays free.

    10.0.0.0/22   10.0.3.0/26  control planes, first zone      10.0.0.0/24   workers, first zone
                  10.0.3.64/26 control planes, second zone     10.0.1.0/24   workers, second zone

The cut depends on the range alone, which never changes, and a zone's subnets on the zone's index alone, so adding a
zone never moves a subnet that exists (CloudFormation would have to replace it).
"""

from __future__ import annotations

from ipaddress import IPv4Network

from generator.config.model import ClusterConfig

MAX_ZONES = 6
MAX_ZONES_IN_QUARTERS = 3

# AWS keeps the first four addresses and the last one of every subnet.
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED_ADDRESSES_PER_SUBNET = 5

_EIGHTH_BITS = 3
_QUARTER_BITS = 2

# A control-plane subnet holds at most ten control planes (five slots in one zone, each beside its replacement), an
# address of the load balancer and one of each interface endpoint (about a dozen): a /27 has 27 for them.
SMALLEST_CONTROL_PLANE_SUBNET = 27
LONGEST_PREFIX_IN_EIGHTHS = SMALLEST_CONTROL_PLANE_SUBNET - 2 * _EIGHTH_BITS
LONGEST_VPC_PREFIX = SMALLEST_CONTROL_PLANE_SUBNET - 2 * _QUARTER_BITS


def most_zones(vpc: IPv4Network) -> int:
    """How many zones there are subnets for in a range."""
    return MAX_ZONES if _in_eighths(vpc) else MAX_ZONES_IN_QUARTERS


def control_plane_subnets(config: ClusterConfig) -> list[str]:
    """The ranges of the control planes' subnets, one per zone, in the order of the zones."""
    vpc = IPv4Network(config.network.vpc_cidr)
    ours = _parts(vpc, _EIGHTH_BITS)[0] if _in_eighths(vpc) else _parts(vpc, _QUARTER_BITS)[-1]
    subnets = _parts(ours, _EIGHTH_BITS if _in_eighths(vpc) else _QUARTER_BITS)
    return [str(subnet) for subnet in subnets[: min(config.zones, most_zones(vpc))]]


def worker_subnets(config: ClusterConfig) -> list[str]:
    """The ranges of the workers' subnets, one per zone, in the order of the zones."""
    vpc = IPv4Network(config.network.vpc_cidr)
    theirs = _parts(vpc, _EIGHTH_BITS)[1:-1] if _in_eighths(vpc) else _parts(vpc, _QUARTER_BITS)[:-1]
    return [str(subnet) for subnet in theirs[: config.zones]]


def worker_addresses(config: ClusterConfig) -> int:
    """How many addresses all worker subnets together have for nodes."""
    return sum(IPv4Network(subnet).num_addresses - RESERVED_ADDRESSES_PER_SUBNET for subnet in worker_subnets(config))


def _in_eighths(vpc: IPv4Network) -> bool:
    return vpc.prefixlen <= LONGEST_PREFIX_IN_EIGHTHS


def _parts(network: IPv4Network, bits: int) -> list[IPv4Network]:
    return list(network.subnets(prefixlen_diff=bits))
