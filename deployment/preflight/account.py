"""The account itself: who asks, the service-linked role of Auto Scaling, the quotas that a cluster counts against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import Finding, State, answered, judged
from deployment.preflight.plan import Plan

_SCALING_ROLE = "AWSServiceRoleForAutoScaling"
_STANDARD_FAMILIES = tuple("acdhimrtz")


@dataclass(frozen=True)
class _Quota:
    """One quota of Service Quotas; codes as `aws service-quotas list-service-quotas` prints them."""

    subject: str
    service: str
    quota: str
    needed: Callable[[Aws, Plan], int]
    used: Callable[[Aws], int]


def check(account: Aws, plan: Plan) -> list[Finding]:
    """The caller, the role, each quota."""
    found = answered("credentials", lambda: _caller(account))
    found += answered("role of Auto Scaling", lambda: _scaling_role(account))
    for quota in _QUOTAS:
        found += answered(f"quota: {quota.subject}", lambda quota=quota: _room(account, plan, quota))  # type: ignore[misc]
    return found


def _caller(account: Aws) -> Iterator[Finding]:
    yield Finding(State.OK, "credentials", account.client("sts").get_caller_identity()["Arn"])


def _scaling_role(account: Aws) -> Iterator[Finding]:
    """The key policy lets this role start instances with encrypted volumes.

    The first group of an account makes it, if whoever deploys may: its first launch may fail then, and is repeated.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html
    """
    try:
        account.client("iam").get_role(RoleName=_SCALING_ROLE)
    except ClientError as error:
        if aws.code(error) != "NoSuchEntity":
            raise
        made = "the first group makes it, if you may call iam:CreateServiceLinkedRole"
        yield Finding(State.OK, "role of Auto Scaling", f"{_SCALING_ROLE} does not exist yet: {made}")
    else:
        yield Finding(State.OK, "role of Auto Scaling", _SCALING_ROLE)


def _room(account: Aws, plan: Plan, quota: _Quota) -> Iterator[Finding]:
    needed = quota.needed(account, plan)
    if not needed:
        return
    limit, used = _limit(account, quota), quota.used(account)
    detail = f"{needed} needed, {used} of {limit} used ({quota.service} {quota.quota})"
    yield judged(used + needed <= limit, f"quota: {quota.subject}", detail)


def _limit(account: Aws, quota: _Quota) -> int:
    quotas = account.client("service-quotas")
    try:
        answer = quotas.get_service_quota(ServiceCode=quota.service, QuotaCode=quota.quota)
    except ClientError as error:
        # An account that never asked for more has no value of its own.
        if aws.code(error) != "NoSuchResourceException":
            raise
        answer = quotas.get_aws_default_service_quota(ServiceCode=quota.service, QuotaCode=quota.quota)
    return int(answer["Quota"]["Value"])


def _count(account: Aws, service: str, operation: str, key: str) -> int:
    return sum(len(page[key]) for page in account.client(service).get_paginator(operation).paginate())


def _virtual_cpus(account: Aws, plan: Plan) -> int:
    """vCPUs of the standard families that the cluster starts with; on dedicated hosts they do not count."""
    wanted = [
        machines
        for machines in plan.machines
        if machines.tenancy != "host" and machines.instance_type.startswith(_STANDARD_FAMILIES)
    ]
    if not wanted:
        return 0
    types = sorted({machines.instance_type for machines in wanted})
    answer = account.client("ec2").describe_instance_types(InstanceTypes=types)
    cpus = {body["InstanceType"]: int(body["VCpuInfo"]["DefaultVCpus"]) for body in answer["InstanceTypes"]}
    return sum(cpus[machines.instance_type] * machines.count for machines in wanted)


def _running_cpus(account: Aws) -> int:
    pages = account.client("ec2").get_paginator("describe_instances")
    running = pages.paginate(Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}])
    return sum(
        _cpus(instance)
        for page in running
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
        if instance["InstanceType"].startswith(_STANDARD_FAMILIES) and not instance.get("InstanceLifecycle")
    )


def _cpus(instance: dict[str, Any]) -> int:
    options = instance.get("CpuOptions", {})
    return int(options.get("CoreCount", 1)) * int(options.get("ThreadsPerCore", 1))


def _network_balancers(account: Aws) -> int:
    pages = account.client("elbv2").get_paginator("describe_load_balancers").paginate()
    return sum(balancer["Type"] == "network" for page in pages for balancer in page["LoadBalancers"])


_QUOTAS = (
    _Quota("VPCs", "vpc", "L-F678F1CE", lambda _, plan: plan.vpcs, lambda a: _count(a, "ec2", "describe_vpcs", "Vpcs")),
    _Quota(
        "interface endpoints of a VPC",
        "vpc",
        "L-29B6F2EB",
        lambda _, plan: len(plan.interface_endpoints) if plan.vpcs else 0,
        lambda _: 0,  # counted in each VPC, and this one is new
    ),
    _Quota(
        "Network Load Balancers",
        "elasticloadbalancing",
        "L-69A177A2",
        lambda _, plan: plan.load_balancers,
        _network_balancers,
    ),
    _Quota("vCPUs of running standard instances", "ec2", "L-1216C47A", _virtual_cpus, _running_cpus),
)
