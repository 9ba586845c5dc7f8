"""What nodes need: images, instance types in every zone, host resource groups, a hint whether EC2 would start one."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import Finding, State, answered, judged
from deployment.preflight.plan import Machines, Plan

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "RequestLimitExceeded", "Throttling"}


def check(account: Aws, plan: Plan) -> list[Finding]:
    """For each kind of machine: image and architecture, offer by zone, dry run; then the host resource groups."""
    found: list[Finding] = []
    for machines in plan.machines:
        found += _about(account, plan, machines)
    for parameter, arn in plan.host_groups:
        found += _host_group(account, parameter, arn)
    return found


def _about(account: Aws, plan: Plan, machines: Machines) -> list[Finding]:
    subject = f"{machines.parameter} {machines.instance_type}"
    found = answered(f"image {machines.image}", lambda: _image(account, machines))
    found += answered(f"{subject} in zones", lambda: _offered(account, plan, machines, subject))
    for zone in plan.zones:
        hint = f"{subject} in {zone}, dry run"
        found += answered(hint, lambda zone=zone, hint=hint: _dry_run(account, machines, zone, hint))  # type: ignore[misc]
    return found


def _image(account: Aws, machines: Machines) -> Iterator[Finding]:
    ec2 = account.client("ec2")
    subject = f"image {machines.image}"
    try:
        images = ec2.describe_images(ImageIds=[machines.image])["Images"]
    except ClientError as error:
        if not aws.code(error).startswith("InvalidAMIID"):
            raise
        images = []
    if not images:
        yield Finding(State.MISSING, subject, "does not exist in this region, or is not shared with this account")
        return
    state, architecture = images[0]["State"], images[0]["Architecture"]
    yield judged(state == "available", subject, state)
    described = ec2.describe_instance_types(InstanceTypes=[machines.instance_type])["InstanceTypes"][0]
    supported = described["ProcessorInfo"]["SupportedArchitectures"]
    detail = f"{machines.instance_type} runs {', '.join(supported)}; the image is {architecture}"
    yield judged(architecture in supported, f"architecture of {machines.image}", detail)


def _offered(account: Aws, plan: Plan, machines: Machines, subject: str) -> Iterator[Finding]:
    offers = (
        account.client("ec2")
        .get_paginator("describe_instance_type_offerings")
        .paginate(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [machines.instance_type]}]
        )
    )
    zones = {offer["Location"] for page in offers for offer in page["InstanceTypeOfferings"]}
    for zone in plan.zones:
        yield judged(zone in zones, f"{subject} in {zone}", "offered" if zone in zones else "not offered there")


def _dry_run(account: Aws, machines: Machines, zone: str, subject: str) -> Iterator[Finding]:
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
            Placement={"AvailabilityZone": zone, "Tenancy": machines.tenancy},
        )
    except ClientError as error:
        if aws.code(error) in _DENIED:
            raise
        if aws.code(error) == "DryRunOperation":
            yield Finding(
                State.UNKNOWN, subject, f"EC2 takes the request ({machines.tenancy}); free capacity shows at launch"
            )
        elif "VPC" in aws.code(error) or "Subnet" in aws.code(error):
            yield Finding(State.UNKNOWN, subject, "there is no default VPC to try it in")
        else:
            yield Finding(State.MISSING, subject, aws.message(error))


def _host_group(account: Aws, parameter: str, arn: str) -> list[Finding]:
    def ask() -> Iterator[Finding]:
        groups = account.client("resource-groups")
        try:
            groups.get_group(Group=arn)
        except ClientError as error:
            if aws.code(error) != "NotFoundException":
                raise
            yield Finding(State.MISSING, parameter, f"{arn} does not exist")
        else:
            yield Finding(State.OK, parameter, arn)

    return answered(parameter, ask)
