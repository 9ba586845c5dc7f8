"""The names that a VPC knows, read from moto's backends of Route 53, ELBv2 and EC2."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines.balancer import target_health
from rehearsal.machines.balancer.view import Nlb, read_view
from rehearsal.machines.network.dns.resolve import HostedZone, Names, Record
from rehearsal.machines.network.topology import backend_of

FIRST_REGION = "us-east-1"
"""The region whose hosts have a domain without the region's name (EC2 user guide, "instance hostname types")."""


def read_names(aws: LocalAws, vpc_id: str) -> Names:
    """What the resolver of a VPC knows now; it is not enabled in a VPC that is gone."""
    with aws.lock:
        try:
            backend = backend_of(aws, vpc_id)
        except KeyError:
            return Names(enabled=False)
        vpc = backend.vpcs[vpc_id]
        support, hostnames = (_is_true(vpc, name) for name in ("enable_dns_support", "enable_dns_hostnames"))
        nics = [nic for nic in backend.enis.values() if nic.subnet.vpc_id == vpc_id]
        addresses = [str(nic.private_ip_address) for nic in nics]
        return Names(
            # Private hosted zones need both attributes (Route 53 developer guide).
            zones=_zones(aws, vpc_id) if support and hostnames else (),
            balancers={each.dns_name.lower(): _addresses(aws, each) for each in read_view(aws).balancers},
            hosts={host_name(address, backend.region_name): address for address in addresses},
            enabled=support,
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
