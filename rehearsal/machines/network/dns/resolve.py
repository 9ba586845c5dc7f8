"""What the resolver of a VPC answers, as a function of the names that the VPC knows. Names are lower case, undotted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rehearsal.machines.network.dns.firewall import Blocking, FilterRule, Verdict, judge

NOERROR, SERVFAIL, NXDOMAIN, REFUSED = "NOERROR", "SERVFAIL", "NXDOMAIN", "REFUSED"
"""Response codes (RFC 1035, 4.1.1)."""
ALIAS_TTL_SECONDS = 60
"""The TTL of a balancer's name, and so of an alias to it (Route 53 developer guide, "alias records")."""
CHAIN = 8
"""How many CNAME records and aliases are followed. Route 53 documents no number; a loop has to end."""


@dataclass(frozen=True)
class Record:
    """A record set of a hosted zone: values, or the name that it is an alias of."""

    name: str
    kind: str
    ttl_seconds: int = 0
    values: tuple[str, ...] = ()
    alias: str | None = None


@dataclass(frozen=True)
class HostedZone:
    """A private hosted zone of the VPC."""

    name: str
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Names:
    """Everything that a VPC's resolver knows."""

    zones: tuple[HostedZone, ...] = ()
    balancers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The addresses of each balancer's name."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The address of each interface's name, as `ip-10-0-0-5.ec2.internal`."""
    public: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The addresses of public names: those of AWS's services that are played under their own."""
    enabled: bool = True
    """The VPC's attribute enableDnsSupport."""
    firewall: tuple[FilterRule, ...] = ()
    """The rules of DNS Firewall, in their order."""


@dataclass(frozen=True)
class Row:
    """One record of an answer."""

    name: str
    kind: str
    ttl_seconds: int
    value: str


@dataclass(frozen=True)
class Answer:
    """A response code, and the records of the answer section."""

    code: str
    rows: tuple[Row, ...] = ()
    rule: FilterRule | None = None
    """The rule of DNS Firewall that blocked the question or has an alert for it."""


def resolve(names: Names, name: str, kind: str) -> Answer:
    """The answer to a question. A name in one of the zones is never looked for anywhere else (split horizon).

    DNS Firewall looks at the name, and at each name that a CNAME record leads to, until a rule trusts the rest (API
    reference, CreateFirewallRule, FirewallDomainRedirectionAction). Hosts and private zones are no exception (developer
    guide, "Using DNS Firewall to filter outbound DNS traffic").
    """
    asked, rows = name, list[Row]()
    alert: FilterRule | None = None
    inspects = True
    for _ in range(CHAIN):
        rule = judge(names.firewall, name, kind) if inspects else None
        if rule is not None:
            if rule.verdict is Verdict.BLOCK:
                return _blocked(asked, rule)
            if rule.verdict is Verdict.ALERT:
                alert = alert or rule
            inspects = not rule.trusts_redirection
        found = _step(names, name, kind)
        if found is None:
            # A chain that leads to nothing keeps what it consists of (RFC 6604).
            return Answer(NXDOMAIN, tuple(rows), alert)
        rows += found
        if not found or found[-1].kind != "CNAME" or kind == "CNAME":
            return Answer(NOERROR, tuple(rows), alert)
        name = found[-1].value.rstrip(".").lower()
    return Answer(SERVFAIL, rule=alert)


def _blocked(name: str, rule: FilterRule) -> Answer:
    if rule.blocking is Blocking.NXDOMAIN:
        return Answer(NXDOMAIN, rule=rule)
    if rule.blocking is Blocking.NODATA:
        return Answer(NOERROR, rule=rule)
    override = Row(name, "CNAME", rule.override_ttl_seconds, f"{rule.override_name.rstrip('.')}.")
    return Answer(NOERROR, (override,), rule)


def _step(names: Names, name: str, kind: str) -> Sequence[Row] | None:
    """The records of a name, of the kind or its CNAME; empty when it has only others, None for no such name."""
    zone = _zone_of(names.zones, name)
    if zone is not None:
        return _in_zone(names, zone, name, kind, CHAIN)
    if name in names.balancers:
        return _addresses(name, names.balancers[name], kind)
    if name in names.public:
        return _addresses(name, names.public[name], kind)
    if name in names.hosts:
        return _addresses(name, (names.hosts[name],), kind)
    for host, address in names.hosts.items():
        if name == reverse_name(address):
            return [Row(name, "PTR", ALIAS_TTL_SECONDS, f"{host}.")] if kind == "PTR" else []
    return None


def reverse_name(address: str) -> str:
    """The name whose PTR record names an address's host."""
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def _zone_of(zones: Sequence[HostedZone], name: str) -> HostedZone | None:
    """The most specific zone that a name is in."""
    found = [zone for zone in zones if name == zone.name or name.endswith(f".{zone.name}")]
    return max(found, key=lambda zone: len(zone.name), default=None)


def _in_zone(names: Names, zone: HostedZone, name: str, kind: str, depth: int) -> Sequence[Row] | None:
    records = _records(zone, name)
    if not records:
        # A name between the zone and one of its records exists, though it has none itself (RFC 8020).
        return [] if any(record.name.endswith(f".{name}") for record in zone.records) else None
    chosen = [record for record in records if record.kind == kind]
    chosen = chosen or [record for record in records if record.kind == "CNAME"]
    return [row for record in chosen for row in _rows(names, zone, record, name, depth)]


def _records(zone: HostedZone, name: str) -> Sequence[Record]:
    """The records of a name, or those of the wildcard that it falls under."""
    asked = name
    while True:
        found = [record for record in zone.records if record.name == asked]
        if found or len(name) <= len(zone.name):
            return found
        if any(record.name.endswith(f".{name}") for record in zone.records):
            return []
        name = name.partition(".")[2]
        asked = f"*.{name}"


def _rows(names: Names, zone: HostedZone, record: Record, name: str, depth: int) -> Iterator[Row]:
    if record.alias is None:
        yield from (Row(name, record.kind, record.ttl_seconds, value) for value in record.values)
    elif record.alias in names.balancers:
        yield from _addresses(name, names.balancers[record.alias], record.kind)
    elif depth > 1:
        # An alias of another record of the zone: its values under this name.
        for row in _in_zone(names, zone, record.alias, record.kind, depth - 1) or ():
            yield Row(name, row.kind, row.ttl_seconds, row.value)


def _addresses(name: str, addresses: Sequence[str], kind: str) -> Sequence[Row]:
    return [Row(name, "A", ALIAS_TTL_SECONDS, address) for address in addresses] if kind == "A" else []
