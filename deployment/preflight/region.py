"""What the network layer needs of the region: zones, endpoint services, and the prefix lists that narrow rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan

_PARAMETERS = {"s3": "S3PrefixListId", "dynamodb": "DynamoDbPrefixListId"}
_CLIENTS = "ApiClientPrefixListId"


def check(account: Aws, plan: Plan, zones: tuple[str, ...]) -> list[Finding]:
    """The zones, then one finding for each endpoint service, then the prefix lists."""
    found = About(Topic.NETWORK, "zones").answered(lambda: _zones(account, zones))
    found += About(Topic.NETWORK, "endpoint services").answered(lambda: _endpoints(account, plan, zones))
    found += About(Topic.NETWORK, "prefix lists").answered(lambda: _prefix_lists(account, plan))
    return found + About(Topic.NETWORK, _CLIENTS).answered(lambda: _client_prefix_list(account, plan))


def _zones(account: Aws, zones: tuple[str, ...]) -> Iterator[Finding]:
    if not zones:
        return
    answer = account.client("ec2").describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
    usable = {zone["ZoneName"]: zone["State"] for zone in answer if _usable(zone)}
    names = {zone["ZoneId"]: zone["ZoneName"] for zone in answer if _usable(zone)}
    for zone in zones:
        about = About(Topic.NETWORK, f"zone {zone}")
        if usable.get(zone) == "available":
            yield about.ok("available")
        elif zone in usable:
            yield about.failed(f"its state is {usable[zone]}", "choose another one")
        elif zone in names:
            yield about.failed(f"this is an id, and parameters take names: in this account it is {names[zone]}")
        else:
            yield about.failed(f"not available to this account, which has {', '.join(sorted(usable))}")


def _usable(zone: dict[str, str]) -> bool:
    """Whether the account may use it: not a local zone, and opted in where that is asked for."""
    return (
        zone.get("ZoneType", "availability-zone") == "availability-zone" and zone.get("OptInStatus") != "not-opted-in"
    )


def _endpoints(account: Aws, plan: Plan, needed: tuple[str, ...]) -> Iterator[Finding]:
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
        about = About(Topic.NETWORK, f"endpoint service {name}")
        offered = zones.get((name, kind))
        if offered is None:
            yield about.failed(f"{plan.region} has no {kind.lower()} endpoint of this name")
            continue
        lacking = sorted(set(needed) - offered) if kind == "Interface" else []
        if lacking:
            yield about.failed(f"not offered in {', '.join(lacking)}", "choose other zones")
        else:
            yield about.ok(kind.lower())


def _prefix_lists(account: Aws, plan: Plan) -> Iterator[Finding]:
    """Whether each given list is the region's one of its service; where none is given, which one it would be."""
    if not plan.prefix_lists:
        return
    pages = account.client("ec2").get_paginator("describe_prefix_lists").paginate()
    names = {found["PrefixListId"]: found["PrefixListName"] for page in pages for found in page["PrefixLists"]}
    for service, given in plan.prefix_lists.items():
        about = About(Topic.NETWORK, _PARAMETERS[service])
        ours = {key for key, name in names.items() if name.endswith(f".{plan.region}.{service}")}
        told = ", ".join(sorted(ours)) or "none"
        if given and given in ours:
            yield about.ok(f"{given} is {names[given]}")
        elif given:
            what = f"is the list of {names[given]}" if given in names else "does not exist in this region"
            yield about.failed(f"{given} {what}; the one of {service} is {told}")
        elif ours:
            yield about.note(
                f"not given: the security groups allow 443 to any address, to which no route leads; it is {told} here"
            )


def _client_prefix_list(account: Aws, plan: Plan) -> Iterator[Finding]:
    """Whether it is one of this account or shared with it, and of IPv4. How many rules it is, `quotas` judges."""
    given = plan.client_prefix_list
    if not given:
        return
    about = About(Topic.NETWORK, _CLIENTS)
    found = client_prefix_list(account, given)
    if found is None:
        yield about.failed(f"{given} does not exist in {plan.region}, or is not shared with this account")
    elif found["AddressFamily"] != "IPv4":
        yield about.failed(f"{given} holds {found['AddressFamily']} ranges, and the API has an IPv4 address")
    else:
        yield about.ok(f"{given} ({found['PrefixListName']}), at most {found.get('MaxEntries', 'some')} ranges")


def client_prefix_list(account: Aws, prefix_list: str) -> Mapping[str, Any] | None:
    """A prefix list as EC2 describes it; None where there is none. Raises ClientError and BotoCoreError."""
    # By a filter: an id that does not exist is an empty answer then, and no error.
    filters = [{"Name": "prefix-list-id", "Values": [prefix_list]}]
    pages = account.client("ec2").get_paginator("describe_managed_prefix_lists").paginate(Filters=filters)
    return next((found for page in pages for found in page["PrefixLists"]), None)
