"""The route of a call from inside a VPC, as a pure function of the VPC: an endpoint, or none and why."""

from __future__ import annotations

from dataclasses import dataclass

from rehearsal.aws.partitions import endpoint_service
from rehearsal.machines.network.firewall import allowed
from rehearsal.machines.reach.view import EndpointView, View

HTTPS = 443
"""On AWS endpoints answer on this port; what security groups say of it counts, though instances here use another."""
# The name in a signature -> that of the endpoint's service, where they differ.
_SERVICES = {"ecr": "ecr.api"}


@dataclass(frozen=True)
class NoRoute:
    """No endpoint leads to the service; the reason is the end of a sentence."""

    reason: str


def route(view: View, source: str, service: str, region: str) -> EndpointView | NoRoute:
    """The endpoint that a call of the instance at `source` takes; `service` and `region` are its signature's."""
    name = endpoint_name(service, region)
    found = [endpoint for endpoint in view.endpoints if endpoint.service_name == name]
    if not found:
        return NoRoute(f"the VPC has no endpoint {name}")
    refusals = []
    for endpoint in found:
        reason = (
            _through_gateway(view, source, endpoint) if endpoint.is_gateway else _to_interface(view, source, endpoint)
        )
        if not reason:
            return endpoint
        refusals.append(f"{endpoint.endpoint_id} ({endpoint.service_name}): {reason}")
    return NoRoute("; ".join(refusals))


def endpoint_name(service: str, region: str) -> str:
    """What the endpoint's service is called."""
    return endpoint_service(region, _SERVICES.get(service, service))


def _to_interface(view: View, source: str, endpoint: EndpointView) -> str:
    """Why an interface endpoint cannot be used; empty if it can."""
    if endpoint.state != "available":
        return f"it is {endpoint.state}"
    if not endpoint.private_dns:
        return "it has no private DNS, so the service's own name does not lead to it"
    verdicts = [allowed(view.topology, source, address, "tcp", HTTPS) for address in endpoint.addresses]
    if any(verdict.allowed for verdict in verdicts):
        return ""
    return verdicts[0].reason if verdicts else "it has no interface in any subnet"


def _through_gateway(view: View, source: str, endpoint: EndpointView) -> str:
    """Why a gateway endpoint cannot be used; empty if it can."""
    nic = view.topology.by_address.get(source)
    if nic is None:
        return f"no network interface has the address {source}"
    table = view.topology.table_of_subnet.get(nic.subnet_id, "")
    if table not in endpoint.route_tables:
        return f"the route table of {nic.subnet_id}, {table or 'none'}, has no route to it"
    verdicts = [allowed(view.topology, source, prefix.partition("/")[0], "tcp", HTTPS) for prefix in endpoint.prefixes]
    if any(verdict.allowed for verdict in verdicts):
        return ""
    return verdicts[0].reason if verdicts else "its service has no addresses"
