"""The route of a call to an endpoint that stands in a peer of the caller's VPC, as a pure function.

The service's own name has to lead there: by a private hosted zone that is associated with the caller's VPC, for the
private DNS of an endpoint works in its own VPC alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rehearsal.aws.protocol import partition_of, url_suffix_of
from rehearsal.aws.server import LocalAws
from rehearsal.machines.network.dns.resolve import resolve
from rehearsal.machines.network.dns.view import read_vpc
from rehearsal.machines.network.firewall import admitted, allowed, no_route
from rehearsal.machines.reach.routes import HTTPS, NoRoute, endpoint_name
from rehearsal.machines.reach.view import EndpointView, View, read_view

# The name in a signature -> how the service's host name begins, where they differ.
_HOSTS = {"ecr": "api.ecr"}


@dataclass(frozen=True)
class Peers:
    """What decides where a service's name leads from a VPC with peers."""

    host: str
    addresses: tuple[str, ...]
    """Those that the VPC's resolver has for the host."""
    views: Mapping[str, View]
    """The peers, by the VPC's id."""


def host_name(service: str, region: str) -> str:
    """The service's own name in a region."""
    return f"{_HOSTS.get(service, service)}.{region}.{url_suffix_of(partition_of(region))}"


def read_peers(aws: LocalAws, view: View, service: str, region: str) -> Peers:
    """The peers of a VPC as EC2 and Route 53 hold them now."""
    host = host_name(service, region)
    with aws.lock:
        answer = resolve(read_vpc(aws, view.topology.vpc_id).names, host, "A")
        views = {peer.vpc_id: read_view(aws, peer.vpc_id) for peer in view.topology.peers}
    return Peers(host, tuple(row.value for row in answer.rows if row.kind == "A"), views)


def route_over_peers(view: View, peers: Peers, source: str, service: str, region: str) -> EndpointView | NoRoute:
    """The endpoint in a peer that a call of the instance at `source` takes."""
    if not peers.addresses:
        return NoRoute(
            f"the VPC has no endpoint {endpoint_name(service, region)}, and its resolver has no {peers.host}"
        )
    refusals = []
    for address in peers.addresses:
        found = _at(view, peers, source, address, endpoint_name(service, region))
        if isinstance(found, EndpointView):
            return found
        refusals.append(found)
    return NoRoute("; ".join(refusals))


def _at(view: View, peers: Peers, source: str, address: str, name: str) -> EndpointView | str:
    """The endpoint that has the address, or why the call does not reach it."""
    sender = view.topology.by_address.get(source)
    if sender is None:
        return f"no network interface has the address {source}"
    peer = view.topology.peer_towards(sender.subnet_id, address)
    if peer is None:
        return no_route(view.topology, sender, address)
    there = peers.views[peer.vpc_id]
    endpoint = next((each for each in there.endpoints if address in each.addresses), None)
    if endpoint is None or endpoint.service_name != name:
        return f"{address} in {peer.vpc_id} is no endpoint {name}"
    if endpoint.state != "available":
        return f"{endpoint.endpoint_id} is {endpoint.state}"
    receiver = there.topology.by_address[address]
    back = there.topology.peer_towards(receiver.subnet_id, source)
    if back is None or back.peering_id != peer.peering_id:
        return no_route(there.topology, receiver, source)
    for verdict in (
        allowed(view.topology, source, address, "tcp", HTTPS),
        admitted(there.topology, source, address, "tcp", HTTPS),
    ):
        if not verdict.allowed:
            return f"{endpoint.endpoint_id}: {verdict.reason}"
    return endpoint
