"""The names that the resolver of a VPC made here answers: a firewall's list, in the forms that DNS Firewall takes.

A domain begins with an optional `*`; the rest is letters, digits, hyphens and dots, 255 characters at most (Route 53
API reference, UpdateFirewallDomains). `*.a.b` stands for the names below `a.b`, at any depth
(docs/limits.md).
"""

from __future__ import annotations

from ipaddress import IPv4Network

from troposphere import Sub

from generator.config.aws_domains import INSTANCE_NAMES
from generator.config.model import ClusterConfig


def allowed(config: ClusterConfig) -> list[str | Sub]:
    """Every domain that is answered, each once. A configuration that makes a VPC makes its private zone, too."""
    return [
        # Not the region's names alone: SDKs also ask for global ones (s3.amazonaws.com), and the name of an endpoint is
        # an alias of one below vpce.amazonaws.com. This is no way out: names of customers stand below the suffix, such
        # as those of balancers, but servers of AWS alone answer, and show nobody what they were asked.
        Sub("*.${AWS::URLSuffix}"),
        # The private zone (api_endpoint.py).
        Sub("*.${ClusterUuid}.holdfast.internal"),
        *INSTANCE_NAMES,
        *reverse_names(IPv4Network(config.network.vpc_cidr)),
        *dict.fromkeys([*config.network.dns_allowed_domains, *(each.endpoint.host for each in config.access.oidc)]),
    ]


def reverse_names(network: IPv4Network) -> list[str]:
    """The names by which the addresses of a range are looked up, in as few domains as hold them and no others.

    A zone of `in-addr.arpa` begins at a whole octet, so a /20 is sixteen domains.

    Not all of `in-addr.arpa`: whoever holds a range of public addresses has its names delegated to servers of his own.
    """
    octets = -(-network.prefixlen // 8)
    names = []
    for part in network.subnets(new_prefix=8 * octets):
        labels = str(part.network_address).split(".")[:octets]
        names.append(".".join([*(["*"] if octets < 4 else []), *reversed(labels), "in-addr.arpa"]))
    return names
