"""The names that a VPC knows and what filters and logs them, read from Route 53, Resolver, ELBv2 and EC2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.rdatatype

from rehearsal.aws.ecr.api import service_host
from rehearsal.aws.ecr.layers import bucket_host
from rehearsal.aws.partitions import endpoint_service
from rehearsal.aws.protocol import partition_of
from rehearsal.aws.resolver.api import resolver_in_region
from rehearsal.aws.resolver.model import StoredDomains, StoredGroup
from rehearsal.aws.server import LocalAws
from rehearsal.machines.balancer import target_health
from rehearsal.machines.balancer.view import Nlb, read_view
from rehearsal.machines.network.dns.firewall import Blocking, FilterRule, Verdict, domain_names
from rehearsal.machines.network.dns.resolve import ALIAS_TTL_SECONDS, HostedZone, Names, Record
from rehearsal.machines.network.topology import backend_of, service_address

FIRST_REGION = "us-east-1"
"""The region whose hosts have a domain without the region's name (EC2 user guide, "instance hostname types")."""


@dataclass(frozen=True)
class Logged:
    """Where the questions of a VPC are logged, and who asks them."""

    region: str
    log_groups: tuple[str, ...]
    instances: Mapping[str, str] = field(default_factory=dict)
    """The instances by their addresses."""


@dataclass(frozen=True)
class VpcView:
    """What the resolver of a VPC answers from, and where it logs; None where nothing is logged."""

    names: Names
    logged: Logged | None = None


def read_vpc(aws: LocalAws, vpc_id: str) -> VpcView:
    """What the resolver of a VPC knows now; it is not enabled in a VPC that is gone."""
    with aws.lock:
        try:
            backend = backend_of(aws, vpc_id)
        except KeyError:
            return VpcView(Names(enabled=False))
        vpc = backend.vpcs[vpc_id]
        support, hostnames = (_is_true(vpc, name) for name in ("enable_dns_support", "enable_dns_hostnames"))
        nics = [nic for nic in backend.enis.values() if nic.subnet.vpc_id == vpc_id]
        addresses = [str(nic.private_ip_address) for nic in nics]
        resolver = resolver_in_region(aws, backend.region_name)
        log_groups = tuple(config.group_name for config in resolver.logs(vpc_id))
        names = Names(
            # Private hosted zones need both attributes (Route 53 developer guide).
            zones=(*_zones(aws, vpc_id), *_registries(backend, vpc_id)) if support and hostnames else (),
            balancers={each.dns_name.lower(): _addresses(aws, each) for each in read_view(aws).balancers},
            hosts={host_name(address, backend.region_name): address for address in addresses},
            public={bucket_host(backend.region_name): (service_address(backend, "s3"),)},
            enabled=support,
            firewall=tuple(
                _rule(group, rule, resolver.lists[rule["FirewallDomainListId"]])
                for group, rule in resolver.filters(vpc_id)
            ),
        )
        if not log_groups:
            return VpcView(names)
        instances = {str(nic.private_ip_address): str(nic.instance.id) for nic in nics if nic.instance is not None}
        return VpcView(names, Logged(backend.region_name, log_groups, instances))


def _rule(group: StoredGroup, rule: Mapping[str, Any], domains: StoredDomains) -> FilterRule:
    kind = str(rule.get("Qtype") or "")
    return FilterRule(
        group.identity,
        domains.identity,
        domain_names(domains.domains),
        Verdict(rule["Action"]),
        Blocking(rule.get("BlockResponse") or Blocking.NODATA),
        str(rule.get("BlockOverrideDomain") or ""),
        int(rule.get("BlockOverrideTtl") or 0),
        # TYPE28 is AAAA.
        dns.rdatatype.to_text(dns.rdatatype.from_text(kind)) if kind else "",
        rule["FirewallDomainRedirectionAction"] == "TRUST_REDIRECTION_DOMAIN",
    )


def host_name(address: str, region: str) -> str:
    """The private name of an address in a region."""
    domain = "ec2.internal" if region == FIRST_REGION else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def _addresses(aws: LocalAws, balancer: Nlb) -> tuple[str, ...]:
    """The addresses of a balancer in the zones where it reaches a healthy target; all of them when there is none."""
    from moto.ec2.models import ec2_backends

    nics = ec2_backends[aws.account_id][balancer.region].enis.values()
    own = [nic for nic in nics if nic.description == balancer.description]
    zones = target_health.serving_zones(balancer.arn)
    chosen = [nic for nic in own if nic.subnet.availability_zone in zones] or own
    return tuple(sorted(str(nic.private_ip_address) for nic in chosen))


def _zones(aws: LocalAws, vpc_id: str) -> tuple[HostedZone, ...]:
    from moto.route53.models import route53_backends

    return tuple(
        HostedZone(_plain(zone.name), tuple(_record(record) for record in zone.rrsets))
        for backend in route53_backends[aws.account_id].values()
        for zone in backend.zones.values()
        if any(vpc.get("vpc_id") == vpc_id for vpc in zone.vpcs)
    )


def _registries(backend: Any, vpc_id: str) -> Iterator[HostedZone]:
    """What the private DNS of an endpoint of ECR's registries is: a hidden zone with a record for all of them."""
    region = str(backend.region_name)
    for endpoint in backend.vpc_end_points.values():
        private = str(endpoint.private_dns_enabled).lower() == "true"
        if private and endpoint.vpc_id == vpc_id and endpoint.service_name == endpoint_service(region, "ecr.dkr"):
            host = service_host(region, partition_of(region))
            addresses = sorted(str(backend.enis[each].private_ip_address) for each in endpoint.network_interface_ids)
            yield HostedZone(host, (Record(f"*.{host}", "A", ALIAS_TTL_SECONDS, tuple(addresses)),))


def _record(record: Any) -> Record:
    alias = (record.alias_target or {}).get("DNSName")
    return Record(
        _plain(record.name),
        str(record.type),
        int(record.ttl or 0),
        tuple(str(value) for value in record.records or ()),
        None if alias is None else _plain(alias),
    )


def _plain(name: Any) -> str:
    # Route 53 writes the asterisk of a wildcard as a code.
    return str(name).rstrip(".").lower().replace("\\052", "*")


def _is_true(vpc: Any, attribute: str) -> bool:
    return str(getattr(vpc, attribute)).lower() == "true"
