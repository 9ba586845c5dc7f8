"""What nodes need: instance types in every zone, images, hosts, and whether EC2 takes the request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight import hosts, images, reservations, types
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.machine import Machines
from deployment.preflight.plan import Plan

_BUSY = frozenset({"RequestLimitExceeded", "Throttling"})


def check(account: Aws, plan: Plan, zones: Mapping[str, str], owner: str) -> list[Finding]:
    """For each kind of node its type and image, the offer by zone and a dry run; then hosts and reservations.

    `zones` have the id of a subnet, where one is there already.
    """
    found: list[Finding] = []
    answers: dict[str, images.Image | None] = {}
    for image_id in dict.fromkeys(machines.image for machines in plan.machines):
        users = [machines for machines in plan.machines if machines.image == image_id]
        try:
            answers[image_id] = images.look(account, image_id)
        except (ClientError, BotoCoreError) as error:
            found.append(About(Topic.MACHINES, f"image {image_id}").not_asked(error))
        else:
            found += images.check(account, answers[image_id], users, owner)
    for machines in plan.machines:
        about = About(Topic.MACHINES, machines.subject)
        found += about.answered(partial(_of_type, account, plan, machines, zones, answers.get(machines.image)))
    return found + hosts.check(account, plan, tuple(zones)) + reservations.check(account, plan, tuple(zones))


def described(account: Aws, instance_type: str) -> types.InstanceType | None:
    """The type as EC2 describes it; None where the region has no such type. Raises ClientError, BotoCoreError."""
    # By a filter: a name that does not exist is an empty answer then, and no error.
    filters = [{"Name": "instance-type", "Values": [instance_type]}]
    pages = account.client("ec2").get_paginator("describe_instance_types").paginate(Filters=filters)
    return next((dict(body) for page in pages for body in page["InstanceTypes"]), None)


def _of_type(
    account: Aws, plan: Plan, machines: Machines, zones: Mapping[str, str], image: images.Image | None
) -> Iterator[Finding]:
    about = About(Topic.MACHINES, machines.subject)
    body = described(account, machines.instance_type)
    if body is None:
        yield about.failed(f"{plan.region} has no instance type of this name", f"correct {machines.parameter}")
        return
    yield from types.judge(machines, body)
    if image is not None:
        yield types.fits(machines, body, image)
    yield from _offered(account, machines, zones)
    if image is not None:
        for zone, subnet in zones.items():
            tried = About(Topic.MACHINES, f"{machines.subject} in {zone}, dry run")
            yield from tried.answered(partial(_dry_run, account, machines, zone, subnet, tried))


def _offered(account: Aws, machines: Machines, zones: Iterable[str]) -> Iterator[Finding]:
    filters = [{"Name": "instance-type", "Values": [machines.instance_type]}]
    pages = account.client("ec2").get_paginator("describe_instance_type_offerings")
    offers = pages.paginate(LocationType="availability-zone", Filters=filters)
    there = {offer["Location"] for page in offers for offer in page["InstanceTypeOfferings"]}
    for zone in zones:
        about = About(Topic.MACHINES, f"{machines.subject} in {zone}")
        if zone in there:
            yield about.ok("offered")
        else:
            told = f"not offered there; it is in {', '.join(sorted(there)) or 'no zone of the region'}"
            yield about.failed(told, f"choose other zones, or another {machines.parameter}")


def _dry_run(account: Aws, machines: Machines, zone: str, subnet: str, about: About) -> Iterator[Finding]:
    """EC2 checks a dry run's request and permissions. Whether a machine is free shows only when one is started."""
    if machines.tenancy == "host":
        return  # placed by the host resource group, which a dry run outside an Auto Scaling group cannot show
    try:
        account.client("ec2").run_instances(
            DryRun=True,
            ImageId=machines.image,
            InstanceType=machines.instance_type,
            MinCount=1,
            MaxCount=1,
            **machines.options,
            Placement={"AvailabilityZone": zone, "Tenancy": machines.tenancy},
            **({"SubnetId": subnet} if subnet else {}),
            **({"CapacityReservationSpecification": _reservation(machines)} if machines.reservation[1] else {}),
            **({"TagSpecifications": _tag_specifications(machines)} if machines.tags else {}),
        )
    except ClientError as error:
        code = aws.code(error)
        if code == "DryRunOperation":
            yield about.note(f"EC2 accepts the request ({machines.tenancy}); capacity is only known at launch")
        elif code in aws.DENIED:
            yield about.note(
                f"not tried: whoever asks may not run instances ({code}); capacity is only known at launch",
                "whoever deploys needs ec2:RunInstances",
            )
        elif "VPC" in code or "Subnet" in code:
            yield about.note("there is no default VPC to try it in; capacity is only known at launch")
        elif code in _BUSY:
            raise
        else:
            yield about.failed(aws.message(error))


def _reservation(machines: Machines) -> dict[str, Any]:
    return {"CapacityReservationTarget": {"CapacityReservationResourceGroupArn": machines.reservation[1]}}


def _tag_specifications(machines: Machines) -> list[dict[str, Any]]:
    return [
        {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags]}
        for kind, tags in machines.tags
    ]
