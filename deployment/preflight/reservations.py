"""Capacity Reservations: the resource groups that parameters name, and what is free in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.machine import Machines
from deployment.preflight.plan import Plan

# What makes a resource group one that launches can be for.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-cr-group.html
_POOL = "AWS::EC2::CapacityReservationPool"

Reservation = dict[str, Any]


def check(account: Aws, plan: Plan, zones: tuple[str, ...]) -> list[Finding]:
    """For each group whether it is one of Capacity Reservations; then what each kind of node finds in it."""
    found: list[Finding] = []
    for parameter, arn in dict.fromkeys(each.reservation for each in plan.machines if each.reservation[0]):
        found += About(Topic.MACHINES, parameter).answered(partial(_group, account, parameter, arn))
    for machines in plan.machines:
        if machines.reservation[0]:
            about = About(Topic.MACHINES, f"Capacity Reservations for {machines.subject}")
            found += about.answered(partial(_room, account, about, machines, zones))
    return found


def _group(account: Aws, parameter: str, arn: str) -> Iterator[Finding]:
    about = About(Topic.MACHINES, parameter)
    try:
        answer = account.client("resource-groups").get_group_configuration(Group=arn)
    except ClientError as error:
        if aws.code(error) != "NotFoundException":
            raise
        yield about.failed(f"{arn} does not exist", "correct the ARN, or create the group of Capacity Reservations")
        return
    types = {each["Type"] for each in answer.get("GroupConfiguration", {}).get("Configuration", [])}
    if _POOL in types:
        yield about.ok(arn)
    else:
        yield about.failed(f"{arn} is no group of Capacity Reservations: its configuration has no {_POOL}")


def _room(account: Aws, about: About, machines: Machines, zones: tuple[str, ...]) -> Iterator[Finding]:
    """What is free now, which is nobody's until a launch takes it."""
    matching = [
        each
        for each in _reservations(account, machines.reservation[1])
        if each["State"] == "active"
        and each["InstanceType"] == machines.instance_type
        and each["Tenancy"] == machines.tenancy
        and each["AvailabilityZone"] in zones
    ]
    free = sum(each["AvailableInstanceCount"] for each in matching)
    told = (
        f"{len(matching)} active in the zones with this type and tenancy {machines.tenancy}; {free} of "
        f"{sum(each['TotalInstanceCount'] for each in matching)} instances are free, {machines.smallest} are to start"
    )
    if not matching:
        yield about.warning(
            f"{told}: all of them will be On-Demand", "look at the type, tenancy and zones of what is reserved"
        )
    elif free < machines.smallest:
        yield about.note(f"{told}; what finds no room is On-Demand, unless these instances run already")
    else:
        yield about.ok(told)


def _reservations(account: Aws, group: str) -> list[Reservation]:
    """Those that are in the group. Raises ClientError, BotoCoreError."""
    pages = account.client("resource-groups").get_paginator("list_group_resources").paginate(Group=group)
    arns = {each["Identifier"]["ResourceArn"] for page in pages for each in page.get("Resources", [])}
    if not arns:
        return []
    # All of the account's: by their ids a call takes only so many, and one that is gone fails the whole of it.
    described = account.client("ec2").get_paginator("describe_capacity_reservations").paginate()
    return [
        dict(each)
        for page in described
        for each in page["CapacityReservations"]
        if each["CapacityReservationArn"] in arns
    ]
