"""Subnets that are there already: in which zones they are, whether they have room, and which route tables they use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import GivenNetwork, Plan

# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-network-load-balancer.html
_BALANCER_ADDRESSES = 8
_OURS, _THEIRS, _TABLES = "ControlPlaneSubnetIds", "WorkerSubnetIds", "RouteTableIds"


@dataclass(frozen=True)
class Subnet:
    """One subnet, as EC2 describes it."""

    subnet_id: str
    vpc: str
    zone: str
    state: str
    free: int
    """Addresses that nothing has yet."""


def look(account: Aws, given: GivenNetwork) -> dict[str, Subnet]:
    """The subnets that exist, by id. Raises ClientError and BotoCoreError."""
    wanted = sorted({*given.control_plane_subnets, *given.worker_subnets})
    # By a filter: an id that does not exist is left out then, and no error.
    filters = [{"Name": "subnet-id", "Values": wanted}]
    pages = account.client("ec2").get_paginator("describe_subnets").paginate(Filters=filters)
    return {
        body["SubnetId"]: Subnet(
            body["SubnetId"],
            body["VpcId"],
            body["AvailabilityZone"],
            body["State"],
            int(body["AvailableIpAddressCount"]),
        )
        for page in pages
        for body in page["Subnets"]
    }


def check(account: Aws, plan: Plan, subnets: dict[str, Subnet]) -> list[Finding]:
    """Nothing where the templates make the subnets."""
    if plan.given is None:
        return []
    found = list(judge(plan, plan.given, subnets))
    return found + About(Topic.NETWORK, "route tables").answered(lambda: _routes(account, plan))


def judge(plan: Plan, given: GivenNetwork, subnets: dict[str, Subnet]) -> Iterator[Finding]:
    """What is to be said of the subnets themselves."""
    for parameter, listed in ((_OURS, given.control_plane_subnets), (_THEIRS, given.worker_subnets)):
        for subnet_id in listed:
            about = About(Topic.NETWORK, f"{parameter} {subnet_id}")
            subnet = subnets.get(subnet_id)
            if subnet is None:
                yield about.failed(f"does not exist in {plan.region}, or is not shared with this account")
            elif subnet.vpc != given.vpc:
                yield about.failed(f"is in {subnet.vpc} and not in {given.vpc}")
            elif subnet.state != "available":
                yield about.failed(f"its state is {subnet.state}")
            else:
                yield about.ok(f"in {subnet.zone}, {subnet.free} addresses are free")
    if all(subnet_id in subnets for subnet_id in (*given.control_plane_subnets, *given.worker_subnets)):
        yield from _zones(given, subnets)
        yield from _room(plan, given, subnets)


def _zones(given: GivenNetwork, subnets: dict[str, Subnet]) -> Iterator[Finding]:
    ours = [subnets[subnet_id].zone for subnet_id in given.control_plane_subnets]
    theirs = [subnets[subnet_id].zone for subnet_id in given.worker_subnets]
    about = About(Topic.NETWORK, f"zones of {_OURS}")
    twice = sorted(zone for zone, count in Counter(ours).items() if count > 1)
    if twice:
        yield about.failed(f"more than one is in {', '.join(twice)}: a balancer takes one subnet of a zone")
    else:
        yield about.ok(", ".join(ours))
    if theirs != ours:
        yield About(Topic.NETWORK, f"zones of {_THEIRS}").failed(
            f"{', '.join(theirs)}; those of {_OURS} are {', '.join(ours)}",
            "list one subnet per zone, in the same order",
        )


def _room(plan: Plan, given: GivenNetwork, subnets: dict[str, Subnet]) -> Iterator[Finding]:
    """A deploy's addresses now, or what an update takes beside those that are in use."""
    needed: Counter[str] = Counter()
    for subnet_id in given.control_plane_subnets if plan.creates else ():
        needed[subnet_id] += _BALANCER_ADDRESSES + len(plan.interface_endpoints)
    for machines in plan.machines:
        if machines.control_plane:
            each = 1 + bool(machines.rolled) if plan.creates else int(bool(machines.rolled))
            for place in given.slot_places:
                needed[given.control_plane_subnets[place]] += each
        else:
            count = machines.rolled + (machines.smallest if plan.creates else 0)
            # Auto Scaling spreads a group over its zones.
            for subnet_id in given.worker_subnets:
                needed[subnet_id] += -(-count // len(given.worker_subnets))
    for subnet_id, count in needed.items():
        if subnets[subnet_id].free < count:
            yield About(Topic.NETWORK, f"addresses of {subnet_id}").failed(
                f"{subnets[subnet_id].free} are free, and {count} are needed"
                + (
                    " for nodes, their replacements, balancer and endpoints"
                    if plan.creates
                    else " while an update rolls"
                )
            )
    workers = sum(machines.largest for machines in plan.machines if not machines.control_plane)
    free = sum(subnets[subnet_id].free for subnet_id in given.worker_subnets)
    if plan.creates and workers > free:
        yield About(Topic.NETWORK, f"addresses of {_THEIRS}").warning(
            f"{free} are free together, and the pools may grow to {workers} nodes"
        )


def _routes(account: Aws, plan: Plan) -> Iterator[Finding]:
    """Gateway endpoints are reached through the tables of the subnets: each has to be one of the listed ones."""
    given = plan.given
    if given is None or not given.route_tables:
        return
    tables = route_tables(account, given.vpc)
    for table_id in given.route_tables:
        about = About(Topic.NETWORK, f"{_TABLES} {table_id}")
        if table_id in tables:
            yield about.ok(f"of {given.vpc}")
        else:
            yield about.failed(f"is no route table of {given.vpc}")
    for subnet_id in dict.fromkeys((*given.control_plane_subnets, *given.worker_subnets)):
        used = table_of(subnet_id, list(tables.values()))
        if used and used not in given.route_tables:
            yield About(Topic.NETWORK, f"route table of {subnet_id}").failed(
                f"it uses {used}, which is not in {_TABLES}: its nodes would not reach DynamoDB and S3", f"add {used}"
            )


def route_tables(account: Aws, vpc: str) -> dict[str, dict[str, Any]]:
    """All route tables of a VPC by id. Raises ClientError and BotoCoreError."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    pages = account.client("ec2").get_paginator("describe_route_tables").paginate(Filters=filters)
    return {table["RouteTableId"]: table for page in pages for table in page["RouteTables"]}


def table_of(subnet_id: str, tables: Sequence[dict[str, Any]]) -> str:
    """The table that a subnet uses: its own, or the VPC's main one; empty where EC2 names neither."""
    main = ""
    for table in tables:
        for association in table["Associations"]:
            if association.get("SubnetId") == subnet_id:
                return str(table["RouteTableId"])
            if association.get("Main"):
                main = str(table["RouteTableId"])
    return main
