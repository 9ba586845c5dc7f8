"""A given VPC: what it has is stated, for a default is no word about what somebody else has made."""

from __future__ import annotations

from collections.abc import Iterator, Set

from generator.config.model import ClusterConfig
from generator.config.problem import Problem

_STATED = {
    "network.vpcCidr": "the primary IPv4 range of the given VPC, such as 10.1.0.0/16",
    "network.tenancy": "default, dedicated (what the given VPC has)",
}
_SECONDARY = "network.vpcSecondaryCidrs"


def unstated(config: ClusterConfig, stated: Set[str]) -> Iterator[Problem]:
    """What has to be stated of a given VPC and is not among `stated`, the paths of the settings in the file."""
    if config.network.vpc == "given":
        for path, allowed in _STATED.items():
            if path not in stated:
                yield Problem(path=path, given="nothing", allowed=allowed, rests_on=("network.vpc",))


def only_a_given_vpc_has_secondary_ranges(config: ClusterConfig) -> Iterator[Problem]:
    ranges = config.network.vpc_secondary_cidrs
    if config.network.vpc == "create" and ranges:
        yield Problem(
            path=_SECONDARY,
            given=f"{len(ranges)} {'entry' if len(ranges) == 1 else 'entries'}",
            allowed="none (only with network.vpc: given; subnets of a made VPC are cut from network.vpcCidr)",
            rests_on=("network.vpc",),
        )


RULES = (only_a_given_vpc_has_secondary_ranges,)
