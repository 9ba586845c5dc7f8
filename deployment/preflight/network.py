"""What the network layer needs of the region: zones, and the endpoint services that the templates name."""

from __future__ import annotations

from collections.abc import Iterator

from deployment.aws import Aws
from deployment.preflight.finding import Finding, State, answered, judged
from deployment.preflight.plan import Plan


def check(account: Aws, plan: Plan) -> list[Finding]:
    """The zones, then one finding for each endpoint service."""
    found = answered("zones", lambda: _zones(account, plan))
    return found + answered("endpoint services", lambda: _endpoints(account, plan))


def _zones(account: Aws, plan: Plan) -> Iterator[Finding]:
    answer = account.client("ec2").describe_availability_zones(AllAvailabilityZones=True)
    states = {zone["ZoneName"]: zone["State"] for zone in answer["AvailabilityZones"] if _usable(zone)}
    for zone in plan.zones:
        state = states.get(zone)
        other = f"the region has {', '.join(sorted(states))}"
        yield judged(state == "available", f"zone {zone}", state or f"not for this account; {other}")


def _usable(zone: dict[str, str]) -> bool:
    """Whether the account may use it: not a local zone, and opted in where that is asked for."""
    return (
        zone.get("ZoneType", "availability-zone") == "availability-zone" and zone.get("OptInStatus") != "not-opted-in"
    )


def _endpoints(account: Aws, plan: Plan) -> Iterator[Finding]:
    wanted = [(name, "Interface") for name in plan.interface_endpoints]
    wanted += [(name, "Gateway") for name in plan.gateway_endpoints]
    if not wanted:
        return
    zones: dict[tuple[str, str], set[str]] = {}
    for page in account.client("ec2").get_paginator("describe_vpc_endpoint_services").paginate():
        for service in page["ServiceDetails"]:
            for kind in service["ServiceType"]:
                zones[service["ServiceName"], kind["ServiceType"]] = set(service.get("AvailabilityZones", []))
    for name, kind in wanted:
        offered = zones.get((name, kind))
        subject = f"endpoint service {name}"
        if offered is None:
            yield Finding(State.MISSING, subject, f"no {kind.lower()} endpoint of this name in {plan.region}")
            continue
        lacking = sorted(set(plan.zones) - offered) if kind == "Interface" else []
        yield judged(not lacking, subject, f"not in {', '.join(lacking)}" if lacking else kind.lower())
