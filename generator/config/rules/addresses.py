"""The address ranges of VPC, pods and Services: well formed, allowed, large enough, apart from each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations

from generator.config.model import ClusterConfig
from generator.config.problem import Note, Problem
from generator.config.room import NODE_PREFIX
from generator.config.subnets import (
    LONGEST_PREFIX_IN_EIGHTHS,
    LONGEST_VPC_PREFIX,
    MAX_ZONES,
    most_zones,
    worker_addresses,
)

VPC = "network.vpcCidr"
SECONDARY = "network.vpcSecondaryCidrs"
PODS = "kubernetes.podCidr"
SERVICES = "kubernetes.serviceCidr"

# Ranges that no host may have, or that have a meaning of their own on every EC2 instance (RFC 6890).
RESERVED = {
    "0.0.0.0/8": "this network",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local: instance metadata, DNS and time",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved for later use",
}

# Addresses that nobody on the internet has: RFC 1918, the shared space of RFC 6598 and the one for benchmarks of
# RFC 2544, both of which AWS's own guides take for pods.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
_VPC_PREFIXES = (16, 28)
# The allocator of the API server takes at most 20 bits; fewer than 254 Services is too small for real work.
_SERVICE_PREFIXES = (12, 24)
# Of the /24 that every node takes the allocator keeps at most 2^16.
_POD_PREFIXES = (8, NODE_PREFIX)


def _range(text: str) -> IPv4Network | None:
    """The range, or None where `ranges_are_canonical` refuses it."""
    try:
        return IPv4Network(text)
    except ValueError:
        return None


def _texts(config: ClusterConfig) -> dict[str, str]:
    """The ranges as they were written, by their paths."""
    secondary = {f"{SECONDARY}[{index}]": text for index, text in enumerate(config.network.vpc_secondary_cidrs)}
    return {
        VPC: config.network.vpc_cidr,
        **secondary,
        PODS: config.kubernetes.pod_cidr,
        SERVICES: config.kubernetes.service_cidr,
    }


def _ranges(config: ClusterConfig) -> dict[str, IPv4Network]:
    ranges = {path: _range(text) for path, text in _texts(config).items()}
    return {path: found for path, found in ranges.items() if found is not None}


def ranges_are_canonical(config: ClusterConfig) -> Iterator[Problem]:
    """A range is written as its first address: CloudFormation would store another text than the one it was given."""
    for path, text in _texts(config).items():
        if _range(text) is None:
            try:
                allowed = f"{IPv4Network(text, strict=False)}, the same range written from its first address"
            except ValueError:
                allowed = "an IPv4 range such as 10.0.0.0/16"
            yield Problem(path=path, given=f'"{text}"', allowed=allowed)


def ranges_are_not_reserved(config: ClusterConfig) -> Iterator[Problem]:
    for path, given in _ranges(config).items():
        for reserved, meaning in RESERVED.items():
            if given.overlaps(IPv4Network(reserved)):
                yield Problem(path=path, given=f'"{given}"', allowed=f"a range outside {reserved} ({meaning})")


def ranges_are_apart(config: ClusterConfig) -> Iterator[Problem]:
    """Packets to an address that exists twice would reach one of the two at random."""
    for (other_path, other), (path, given) in combinations(_ranges(config).items(), 2):
        if given.overlaps(other):
            yield Problem(
                path=path,
                given=f'"{given}"',
                allowed=f"a range that does not overlap {other_path} ({other})",
                rests_on=(other_path,),
            )


def _size(
    path: str, given: IPv4Network, prefixes: tuple[int, int], reason: str, rests_on: tuple[str, ...] = ()
) -> Iterator[Problem]:
    largest, smallest = prefixes
    if not largest <= given.prefixlen <= smallest:
        allowed = f"a range from /{largest} to /{smallest} ({reason})"
        yield Problem(path=path, given=f'"{given}"', allowed=allowed, rests_on=rests_on)


def vpc_has_room(config: ClusterConfig) -> Iterator[Problem]:
    """Within AWS's limits; a VPC of ours also large enough for the subnets that are cut from it and their nodes."""
    vpc = _ranges(config).get(VPC)
    if vpc is None:
        return
    if config.network.vpc == "given":
        yield from _size(VPC, vpc, _VPC_PREFIXES, "what AWS allows for a VPC", rests_on=("network.vpc",))
        return
    largest, smallest = _VPC_PREFIXES[0], LONGEST_VPC_PREFIX
    if not largest <= vpc.prefixlen <= smallest:
        reason = "subnets are cut from it; subnets of your own, in a smaller one, go with network.vpc: given"
        yield from _size(VPC, vpc, (largest, smallest), reason, rests_on=("network.vpc",))
        return
    if config.zones > most_zones(vpc):
        larger = f"/{_VPC_PREFIXES[0]} to /{LONGEST_PREFIX_IN_EIGHTHS}"
        yield Problem(
            path="zones",
            given=str(config.zones),
            allowed=f"at most {most_zones(vpc)} in {vpc}; subnets for {MAX_ZONES} are cut from a range from {larger}",
            rests_on=("network.vpc", VPC),
        )
        return
    workers, room = sum(pool.max_size for pool in config.pools), worker_addresses(config)
    if workers > room:
        yield Problem(
            path=VPC,
            given=f'"{vpc}", which has {room} addresses for workers in {config.zones} zones',
            allowed=f"a range with at least {workers}, the sum of maxSize of all pools",
            rests_on=("network.vpc", "zones", *_pool_sizes(config)),
        )


def secondary_ranges_have_the_size_of_one(config: ClusterConfig) -> Iterator[Problem]:
    for path, given in _ranges(config).items():
        if path.startswith(SECONDARY):
            yield from _size(path, given, _VPC_PREFIXES, "what AWS allows for a VPC")


def pods_have_room(config: ClusterConfig) -> Iterator[Problem]:
    """One /24 for every node that there may be: slots, one replacement, and all workers."""
    pods = _ranges(config).get(PODS)
    if pods is None:
        return
    nodes = config.control_plane.slots + 1 + sum(pool.max_size for pool in config.pools)
    longest = NODE_PREFIX - (nodes - 1).bit_length()
    if pods.prefixlen < _POD_PREFIXES[0] or pods.prefixlen > longest:
        yield Problem(
            path=PODS,
            given=f'"{pods}"',
            allowed=f"a range from /{_POD_PREFIXES[0]} to /{longest} (a /{NODE_PREFIX} for each of {nodes} nodes: "
            f"slots, one replacement, and maxSize of all pools)",
            rests_on=("controlPlane.slots", *_pool_sizes(config)),
        )


def services_have_room(config: ClusterConfig) -> Iterator[Problem]:
    services = _ranges(config).get(SERVICES)
    if services is not None:
        yield from _size(SERVICES, services, _SERVICE_PREFIXES, "what the API server allocates from")


def public_ranges(config: ClusterConfig) -> Iterator[Note]:
    """AWS takes a range of public addresses, and whoever owns one may use it (docs/decisions/0023)."""
    for path, given in _ranges(config).items():
        if not any(given.subnet_of(IPv4Network(area)) for area in PRIVATE):
            text = "is no private range; where others have these addresses, nodes and pods cannot reach them"
            yield Note(path=path, text=f"{given} {text}")


def _pool_sizes(config: ClusterConfig) -> list[str]:
    return [f"pools[{index}].maxSize" for index in range(len(config.pools))]


RULES = (
    ranges_are_canonical,
    ranges_are_not_reserved,
    ranges_are_apart,
    vpc_has_room,
    secondary_ranges_have_the_size_of_one,
    pods_have_room,
    services_have_room,
)
