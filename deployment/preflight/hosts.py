"""Dedicated hosts: the host resource groups that parameters name, and the hosts that the account has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.machine import Machines
from deployment.preflight.plan import Plan


def check(account: Aws, plan: Plan, zones: tuple[str, ...]) -> list[Finding]:
    """The groups, then the room on hosts for each kind of node that runs on them."""
    found: list[Finding] = []
    for parameter, arn in plan.host_groups:
        about = About(Topic.MACHINES, parameter)
        found += about.answered(partial(_group, account, about, arn))
    for machines in plan.machines:
        if machines.tenancy == "host":
            about = About(Topic.MACHINES, f"hosts for {machines.subject}")
            found += about.answered(partial(_room, account, about, machines, zones))
    return found


def _group(account: Aws, about: About, arn: str) -> Iterator[Finding]:
    try:
        account.client("resource-groups").get_group(Group=arn)
    except ClientError as error:
        if aws.code(error) != "NotFoundException":
            raise
        yield about.failed(f"{arn} does not exist", "correct the ARN, or create the host resource group")
    else:
        yield about.ok(arn)


def _room(account: Aws, about: About, machines: Machines, zones: tuple[str, ...]) -> Iterator[Finding]:
    """What allocated hosts have room for; whether the group may allocate more of them only a launch shows."""
    family = machines.instance_type.partition(".")[0]
    pages = account.client("ec2").get_paginator("describe_hosts").paginate()
    hosts = [host for page in pages for host in page["Hosts"] if host["State"] == "available"]
    ours = [
        host
        for host in hosts
        if host["AvailabilityZone"] in zones
        and family in (host["HostProperties"].get("InstanceFamily"), _family(host["HostProperties"]))
    ]
    room = sum(
        int(each["AvailableCapacity"])
        for host in ours
        for each in host.get("AvailableCapacity", {}).get("AvailableInstanceCapacity", [])
        if each["InstanceType"] == machines.instance_type
    )
    told = f"{len(ours)} hosts of {family} in the zones have room for {room} of them, {machines.smallest} are to start"
    if room >= machines.smallest:
        yield about.note(f"{told}; which of them are in the host resource group shows at launch")
    else:
        yield about.note(f"{told}: the host resource group has to allocate hosts itself", "look at its settings")


def _family(properties: dict[str, str]) -> str:
    return properties.get("InstanceType", "").partition(".")[0]
