"""What packets of a VPC are judged by: subnets, interfaces, security groups, prefix lists, and what leads to peers.

The types are plain values; `read_topology` fills them from moto's backends and is the one place here that knows these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rehearsal.aws.server import LocalAws

ALL = "-1"
"""The protocol of a rule for all protocols."""
ICMP = "icmp"
BY_PORT = frozenset({"tcp", "udp"})
"""The protocols whose rules have ports."""
ANY = -1
"""The ICMP type, or code, of a rule for all of them."""


@dataclass(frozen=True)
class Rule:
    """One rule of a security group: a protocol, ports, and one kind of peer."""

    protocol: str
    """`tcp`, `udp`, `icmp`, the number of another protocol, or ALL."""
    first: int | None = None
    """The first port; for ICMP the type, or ANY."""
    last: int | None = None
    """The last port; for ICMP the code, or ANY."""
    cidr: str | None = None
    group_id: str | None = None
    prefix_list_id: str | None = None


@dataclass(frozen=True)
class Group:
    """A security group."""

    group_id: str
    name: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Subnet:
    """A subnet of the VPC."""

    subnet_id: str
    zone: str
    cidr: str


@dataclass(frozen=True)
class Nic:
    """A network interface and the groups that it is in."""

    interface_id: str
    subnet_id: str
    address: str
    group_ids: tuple[str, ...]
    owner: str
    """Whose it is, for messages: an instance's id, or the interface's description."""


@dataclass(frozen=True)
class Peer:
    """The other side of an active peering connection."""

    peering_id: str
    vpc_id: str
    cidrs: tuple[str, ...]


@dataclass(frozen=True)
class PeerRoute:
    """A route of a table whose target is a peering connection."""

    cidr: str
    peering_id: str


@dataclass(frozen=True)
class Topology:
    """A VPC at one moment."""

    vpc_id: str
    cidrs: tuple[str, ...]
    """All ranges, the primary one first."""
    subnets: Mapping[str, Subnet]
    nics: tuple[Nic, ...]
    groups: Mapping[str, Group]
    prefix_lists: Mapping[str, tuple[str, ...]]
    """The CIDRs of each prefix list that a rule names."""
    peers: tuple[Peer, ...] = ()
    table_of_subnet: Mapping[str, str] = field(default_factory=dict)
    """Each subnet's route table: its own, or the VPC's main one."""
    peer_routes: Mapping[str, tuple[PeerRoute, ...]] = field(default_factory=dict)
    """The routes to peers of each route table."""

    @cached_property
    def by_address(self) -> Mapping[str, Nic]:
        """The interfaces by their addresses."""
        return {nic.address: nic for nic in self.nics}

    def holds(self, address: str) -> bool:
        """Whether an address is one of the VPC's ranges."""
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in self.cidrs)

    def routes_of(self, subnet_id: str) -> tuple[PeerRoute, ...]:
        """The routes to peers that a subnet's packets take."""
        return self.peer_routes.get(self.table_of_subnet.get(subnet_id, ""), ())

    def peer_towards(self, subnet_id: str, address: str) -> Peer | None:
        """The peer that a packet of a subnet to an address goes to; the longest prefix decides, as in a route table."""
        if self.holds(address):
            return None
        target = ipaddress.ip_address(address)
        found = [route for route in self.routes_of(subnet_id) if target in ipaddress.ip_network(route.cidr)]
        longest = max(found, key=lambda route: ipaddress.ip_network(route.cidr).prefixlen, default=None)
        return next((each for each in self.peers if longest and each.peering_id == longest.peering_id), None)

    def addresses_in(self, group_id: str) -> tuple[str, ...]:
        """The addresses of all interfaces in a group."""
        return tuple(nic.address for nic in self.nics if group_id in nic.group_ids)


def read_topology(aws: LocalAws, vpc_id: str) -> Topology:
    """A VPC as EC2 holds it now. KeyError when there is none with this id."""
    with aws.lock:
        backend = backend_of(aws, vpc_id)
        groups = {str(key): _group(group) for key, group in sorted(backend.groups.get(vpc_id, {}).items())}
        named = {rule.prefix_list_id for group in groups.values() for rule in (*group.ingress, *group.egress)}
        return Topology(
            vpc_id,
            _cidrs(backend.vpcs[vpc_id]),
            {subnet.id: _subnet(subnet) for subnet in _subnets(backend, vpc_id)},
            tuple(_nic(nic) for nic in sorted(backend.enis.values(), key=_id) if nic.subnet.vpc_id == vpc_id),
            groups,
            {key: prefix_list_cidrs(backend, key) for key in sorted(filter(None, named))},
            tuple(_peers(backend, vpc_id)),
            _tables(backend, vpc_id),
            {str(table.id): _peer_routes(table) for table in _route_tables(backend, vpc_id)},
        )


def backend_of(aws: LocalAws, vpc_id: str) -> Any:
    """Moto's EC2 of the region that a VPC is in; take the local AWS's lock. KeyError when there is none."""
    from moto.ec2.models import ec2_backends

    for backend in ec2_backends[aws.account_id].values():
        if vpc_id in backend.vpcs:
            return backend
    raise KeyError(vpc_id)


def _id(resource: Any) -> str:
    return str(resource.id)


def _subnets(backend: Any, vpc_id: str) -> Iterable[Any]:
    found = [subnet for by_id in backend.subnets.values() for subnet in by_id.values() if subnet.vpc_id == vpc_id]
    return sorted(found, key=_id)


def _cidrs(vpc: Any) -> tuple[str, ...]:
    primary = str(vpc.cidr_block)
    associations = vpc.cidr_block_association_set
    found = {str(each["cidr_block"]) for each in associations if each["cidr_block_state"]["state"] == "associated"}
    return (primary, *sorted(found - {primary}))


def _peers(backend: Any, vpc_id: str) -> Iterator[Peer]:
    """Of this region alone, in the order of their ids."""
    for key, peering in sorted(backend.vpc_pcxs.items()):
        sides = [peering.vpc.id, peering.peer_vpc.id]
        if peering.status["Code"] == "active" and vpc_id in sides:
            (other,) = [side for side in sides if side != vpc_id]
            if other in backend.vpcs:
                yield Peer(str(key), str(other), _cidrs(backend.vpcs[other]))


def _route_tables(backend: Any, vpc_id: str) -> list[Any]:
    return sorted((table for table in backend.route_tables.values() if table.vpc_id == vpc_id), key=_id)


def _tables(backend: Any, vpc_id: str) -> dict[str, str]:
    tables = _route_tables(backend, vpc_id)
    main = next((str(table.id) for table in tables if table.main_association_id), "")
    own = {subnet: str(table.id) for table in tables for subnet in table._associations.values()}
    return {str(subnet.id): own.get(subnet.id, main) for subnet in _subnets(backend, vpc_id)}


def _peer_routes(table: Any) -> tuple[PeerRoute, ...]:
    routes = [
        PeerRoute(str(route.destination_cidr_block), str(route.vpc_pcx.id))
        for route in table.routes
        if route.vpc_pcx is not None and route.destination_cidr_block
    ]
    return tuple(sorted(routes, key=lambda route: (route.cidr, route.peering_id)))


def _subnet(subnet: Any) -> Subnet:
    return Subnet(str(subnet.id), str(subnet.availability_zone), str(subnet.cidr_block))


def _nic(nic: Any) -> Nic:
    # Not its property group_set: to that moto adds the groups the instance was launched with, for ever.
    groups = tuple(sorted(str(group.id) for group in nic._group_set))
    owner = str(nic.instance.id if nic.instance is not None else nic.description or nic.id)
    return Nic(str(nic.id), str(nic.subnet.id), str(nic.private_ip_address), groups, owner)


def _group(group: Any) -> Group:
    return Group(str(group.id), str(group.name), _rules(group.ingress_rules), _rules(group.egress_rules))


def _rules(rules: Iterable[Any]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            str(rule.ip_protocol or ALL),
            rule.from_port,
            rule.to_port,
            rule.ip_range.get("CidrIp"),
            rule.source_group.get("GroupId"),
            rule.prefix_list_id,
        )
        for rule in rules
    )


def prefix_list_cidrs(backend: Any, prefix_list_id: str) -> tuple[str, ...]:
    """The IPv4 ranges of a prefix list; none where there is no such list."""
    found = backend.managed_prefix_lists.get(prefix_list_id)
    if found is None or found.address_family != "IPv4":
        return ()
    # The lists that AWS keeps have no version to moto; their entries are those of version 1.
    entries = found.entries.get(found.version or 1) or []
    return tuple(sorted(str(entry["Cidr"]) for entry in entries))


def service_address(backend: Any, service: str) -> str:
    """An address at which a service with a gateway endpoint answers: the first one of its prefix list."""
    name = f"com.amazonaws.{backend.region_name}.{service}"
    listed = next(each.id for each in backend.managed_prefix_lists.values() if each.prefix_list_name == name)
    return str(ipaddress.ip_network(prefix_list_cidrs(backend, listed)[0])[1])
