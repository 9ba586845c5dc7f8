"""A VPC's endpoints at one moment, read from the local EC2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines.network.topology import Topology, backend_of, prefix_list_cidrs, read_topology


@dataclass(frozen=True)
class EndpointView:
    """One VPC endpoint."""

    endpoint_id: str
    vpc_id: str
    service_name: str
    """As `com.amazonaws.us-east-1.ssm`."""
    is_gateway: bool
    state: str
    private_dns: bool
    policy: str | None
    """JSON; None for the one that allows everything."""
    addresses: tuple[str, ...] = ()
    """Those of an interface endpoint's interfaces."""
    prefixes: tuple[str, ...] = ()
    """The ranges of a gateway endpoint's service."""
    route_tables: frozenset[str] = frozenset()
    """The tables that lead to a gateway endpoint."""


@dataclass(frozen=True)
class View:
    """What decides where calls from a VPC lead."""

    topology: Topology
    endpoints: tuple[EndpointView, ...]

    def serves(self, name: str) -> bool:
        """Whether the VPC has an endpoint of the service."""
        return any(endpoint.service_name == name for endpoint in self.endpoints)


def read_view(aws: LocalAws, vpc_id: str) -> View:
    """A VPC as EC2 holds it now. KeyError when there is none with this id."""
    with aws.lock:
        topology = read_topology(aws, vpc_id)
        backend = backend_of(aws, vpc_id)
        endpoints = tuple(
            _endpoint(backend, endpoint) for endpoint in backend.vpc_end_points.values() if endpoint.vpc_id == vpc_id
        )
        return View(topology, endpoints)


def _endpoint(backend: Any, endpoint: Any) -> EndpointView:
    is_gateway = str(endpoint.vpc_endpoint_type or "Gateway").lower() == "gateway"
    listed = endpoint.destination_prefix_list_id
    return EndpointView(
        endpoint_id=str(endpoint.id),
        vpc_id=str(endpoint.vpc_id),
        service_name=str(endpoint.service_name),
        is_gateway=is_gateway,
        state=str(endpoint.state),
        private_dns=str(endpoint.private_dns_enabled).lower() == "true",
        policy=endpoint.policy_document,
        addresses=tuple(str(backend.enis[each].private_ip_address) for each in endpoint.network_interface_ids),
        prefixes=prefix_list_cidrs(backend, listed) if is_gateway and listed else (),
        route_tables=frozenset(str(each) for each in endpoint.route_table_ids or ()),
    )
