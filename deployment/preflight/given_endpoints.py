"""VPC endpoints that a given VPC has already: those that nodes need, or those that ours would meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.given_subnets import route_tables, table_of
from deployment.preflight.plan import GivenNetwork, Plan

_GONE = ("deleted", "deleting", "rejected", "failed", "expired")
# https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
_GATEWAYS = ("dynamodb", "s3")

Endpoint = dict[str, Any]


def check(account: Aws, plan: Plan) -> list[Finding]:
    """Nothing where the templates make the VPC."""
    given = plan.given
    if given is None:
        return []
    about = About(Topic.NETWORK, f"endpoints of {given.vpc}")
    return about.answered(lambda: _endpoints(account, plan, given))


def _endpoints(account: Aws, plan: Plan, given: GivenNetwork) -> Iterator[Finding]:
    filters = [{"Name": "vpc-id", "Values": [given.vpc]}]
    pages = account.client("ec2").get_paginator("describe_vpc_endpoints").paginate(Filters=filters)
    there = [body for page in pages for body in page["VpcEndpoints"] if body["State"].lower() not in _GONE]
    if plan.creates:
        yield from _met(plan, given, there)
    tables = list(route_tables(account, given.vpc).values())
    made = {name.rpartition(f".{plan.region}.")[2] for name in (*plan.interface_endpoints, *plan.gateway_endpoints)}
    for service in plan.node_services:
        if service not in made:
            yield _reached(plan, given, service, there, tables)


def _met(plan: Plan, given: GivenNetwork, there: list[Endpoint]) -> Iterator[Finding]:
    """EC2 refuses a second private name of a service in a VPC, and a second route to it in a table."""
    for endpoint in there:
        name, about = endpoint["ServiceName"], About(Topic.NETWORK, f"endpoint {endpoint['VpcEndpointId']}")
        if name in plan.interface_endpoints and endpoint.get("PrivateDnsEnabled"):
            yield about.failed(
                f"it has the private name of {name} already, and a second endpoint with it is refused",
                "let the configuration say endpoints: given, or remove it",
            )
        shared = sorted(set(given.route_tables) & set(endpoint.get("RouteTableIds", [])))
        if name in plan.gateway_endpoints and shared:
            yield about.failed(
                f"{', '.join(shared)} has its route to {name} already, and a second one is refused",
                "let the configuration say gatewayEndpoints: given, or remove the endpoint from the table",
            )


def _reached(
    plan: Plan, given: GivenNetwork, service: str, there: list[Endpoint], tables: list[dict[str, Any]]
) -> Finding:
    about = About(Topic.NETWORK, f"way to {service}")
    ours = [endpoint for endpoint in there if endpoint["ServiceName"].endswith(f".{plan.region}.{service}")]
    named = [each for each in ours if each["VpcEndpointType"] == "Interface" and each.get("PrivateDnsEnabled")]
    if named:
        return about.ok(f"{named[0]['VpcEndpointId']} in {given.vpc}")
    if service not in _GATEWAYS:
        return about.note(
            f"no endpoint with its private name in {given.vpc}: whether nodes reach a central one shows at launch",
            "associate the private hosted zone of the central endpoint with the VPC",
        )
    routed = {table for endpoint in ours for table in endpoint.get("RouteTableIds", [])}
    subnets = dict.fromkeys((*given.control_plane_subnets, *given.worker_subnets))
    without = [subnet_id for subnet_id in subnets if table_of(subnet_id, tables) not in routed]
    if not without:
        return about.ok(f"{ours[0]['VpcEndpointId']}, in the route tables of all subnets")
    return about.warning(
        f"no gateway endpoint in the route tables of {', '.join(without)}: without another way every node waits for "
        "ever at its boot. Gateway endpoints of other VPCs are not reachable",
        f"let the configuration say gatewayEndpoints: create, make a gateway endpoint of {service} for these tables, "
        "or resolve its name to a central interface endpoint",
    )
