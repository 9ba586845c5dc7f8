"""Domains that the VPC's resolver answers besides the cluster's own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from coordination.names import URL_SUFFIXES
from generator.config.aws_domains import INSTANCE_NAMES
from generator.config.model import ClusterConfig
from generator.config.problem import Problem

_PATH = "network.dnsAllowedDomains"


def only_a_made_vpc_allows_domains(config: ClusterConfig) -> Iterator[Problem]:
    """A given VPC has its owner's firewall, or none; an entry here would be believed and do nothing."""
    domains = config.network.dns_allowed_domains
    if config.network.vpc == "given" and domains:
        yield Problem(
            path=_PATH,
            given=f"{len(domains)} {'entry' if len(domains) == 1 else 'entries'}",
            allowed="none (only with network.vpc: create; what a given VPC resolves is its owner's to say)",
            rests_on=("network.vpc",),
        )


def no_reverse_names_are_allowed(config: ClusterConfig) -> Iterator[Problem]:
    """Whoever holds a range of addresses has its names in `arpa` answered by servers of his own."""
    for index, domain in enumerate(config.network.dns_allowed_domains):
        if domain.endswith(".arpa"):
            allowed = "names outside of arpa (of addresses, those of network.vpcCidr are allowed already)"
            yield Problem(path=f"{_PATH}[{index}]", given=json.dumps(domain), allowed=allowed)


def a_domain_is_allowed_once(config: ClusterConfig) -> Iterator[Problem]:
    """A domain list holds a domain once (UniqueItems of the resource type)."""
    own = {f"*.{URL_SUFFIXES[config.partition]}", *INSTANCE_NAMES}
    first: dict[str, int] = {}
    for index, domain in enumerate(config.network.dns_allowed_domains):
        path, earlier = f"{_PATH}[{index}]", first.setdefault(domain, index)
        if domain in own:
            allowed = "domains that are not allowed already"
            yield Problem(path=path, given=json.dumps(domain), allowed=allowed, rests_on=("partition",))
        elif earlier != index:
            allowed = f"a domain that {_PATH}[{earlier}] does not name"
            yield Problem(path=path, given=json.dumps(domain), allowed=allowed, rests_on=(f"{_PATH}[{earlier}]",))


RULES = (only_a_made_vpc_allows_domains, no_reverse_names_are_allowed, a_domain_is_allowed_once)
