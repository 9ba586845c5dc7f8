"""Quotas that a cluster counts against: of the network, of vCPUs by family of instance types, of dedicated hosts.

Which family a quota is of is read from its name in Service Quotas, such as "Running On-Demand Standard (A, C, D, H, I,
M, R, T, Z) instances" and "Running Dedicated m7i Hosts" (Amazon EC2 endpoints and quotas, AWS general reference).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployment.aws import Aws
from deployment.preflight import machines as nodes
from deployment.preflight import region
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan

_ON_DEMAND = re.compile(r"Running On-Demand (.+) instances")
# Families with quotas of their own whose types begin as those of another one do: a region that lists no quota of them
# has no such machines, and counts none with `D`, `H`, `I`, `M` or `T`.
_OWN = frozenset({"dl", "hpc", "inf", "mac", "trn"})
_HOSTS = "Running Dedicated {} Hosts"
# The names of quotas have a word for a family whose types begin otherwise: u-6tb1, u7i.
_FAMILIES = {"high memory": "u"}
_RAISE = "aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {}"


@dataclass(frozen=True)
class Limit:
    """One quota, with the value that the account has."""

    service: str
    code: str
    name: str
    value: int


@dataclass(frozen=True)
class _Count:
    """What a deploy makes of something that has a quota, and how much of it there is."""

    subject: str
    service: str
    code: str
    needed: int
    used: Callable[[Aws], int]


def check(account: Aws, plan: Plan) -> list[Finding]:
    """A finding for each quota that the deploy counts against."""
    found: list[Finding] = []
    for service in ("vpc", "elasticloadbalancing"):
        counts = [each for each in _counts(plan) if each.service == service and each.needed]
        if counts:
            about = About(Topic.QUOTAS, f"quotas of {service}")
            found += about.answered(partial(_simple, account, service, counts))
    return found + About(Topic.QUOTAS, "quotas of ec2").answered(lambda: _of_machines(account, plan))


def limits(account: Aws, service: str) -> dict[str, Limit]:
    """All quotas of a service by code. Raises ClientError and BotoCoreError.

    Those that the account never had changed are in the list of defaults alone (API reference, ListServiceQuotas).
    """
    quotas = account.client("service-quotas")
    found: dict[str, Limit] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for page in quotas.get_paginator(operation).paginate(ServiceCode=service):
            for body in page["Quotas"]:
                code = body["QuotaCode"]
                found[code] = Limit(service, code, body["QuotaName"], int(body["Value"]))
    return found


def judge(about: About, limit: Limit, used: int, needed: int, later: int = 0) -> Finding:
    """`needed` now, and `later` more while an update rolls; beside `used`."""
    rolls = f", {later} more while an update rolls" if later else ""
    detail = f"{needed} needed{rolls}; {used} of {limit.value} are used ({limit.service} {limit.code})"
    if used + needed + later <= limit.value:
        return about.ok(detail)
    return about.failed(detail, _RAISE.format(limit.service, limit.code, used + needed + later))


def family_limit(found: Mapping[str, Limit], instance_type: str) -> Limit | None:
    """The quota of On-Demand vCPUs that a type counts against; None where no name says so."""
    (letters,) = re.match(r"([a-z]*)", instance_type).groups()  # type: ignore[union-attr]
    best: tuple[int, Limit] | None = None
    for limit in found.values():
        named = _ON_DEMAND.fullmatch(limit.name)
        for family in _families(named[1]) if named else ():
            fits = family == letters if letters in _OWN else letters.startswith(family)
            if fits and (best is None or len(family) > best[0]):
                best = len(family), limit
    return best[1] if best else None


def _families(name: str) -> list[str]:
    """The beginnings of types: a, c, d of "Standard (A, C, D)", g and vt of "G and VT"."""
    plain = name.lower()
    if plain in _FAMILIES:
        return [_FAMILIES[plain]]
    inner = re.search(r"\((.+)\)", plain)
    return re.split(r", | and ", inner[1] if inner else plain)


def _simple(account: Aws, service: str, counts: list[_Count]) -> Iterator[Finding]:
    found = limits(account, service)
    for each in counts:
        about = About(Topic.QUOTAS, each.subject)
        if each.code not in found:
            yield about.warning(f"Service Quotas lists no quota {service} {each.code}; {each.needed} are needed")
        else:
            yield judge(about, found[each.code], each.used(account), each.needed)


def _of_machines(account: Aws, plan: Plan) -> Iterator[Finding]:
    found = limits(account, "ec2")
    now: Counter[str] = Counter()
    later: Counter[str] = Counter()
    for machines in plan.machines:
        body = nodes.described(account, machines.instance_type)
        if body is None:
            continue  # the machines' own check has told it
        if machines.tenancy == "host":
            yield _of_hosts(account, found, machines.instance_type)
            continue
        limit = family_limit(found, machines.instance_type)
        if limit is None:
            about = About(Topic.QUOTAS, f"vCPUs of {machines.instance_type}")
            yield about.warning("no quota of Service Quotas names this family of instance types")
            continue
        cpus = int(body["VCpuInfo"]["DefaultVCpus"])
        # Nodes of an update that stay in the same quota have their predecessors' place when these have left.
        moved = not machines.previous_type or family_limit(found, machines.previous_type) != limit
        now[limit.code] += cpus * machines.smallest * moved
        later[limit.code] += cpus * machines.rolled
    if now:
        running = _running(account, found)
        for code in now:
            about = About(Topic.QUOTAS, f"vCPUs: {found[code].name}")
            yield judge(about, found[code], running[code], now[code], later[code])


def _of_hosts(account: Aws, found: Mapping[str, Limit], instance_type: str) -> Finding:
    """How many hosts a host resource group may still allocate; it need not, where it has some."""
    family = instance_type.partition(".")[0]
    about = About(Topic.QUOTAS, f"dedicated hosts of {family}")
    limit = next((each for each in found.values() if each.name == _HOSTS.format(family)), None)
    if limit is None:
        return about.warning("Service Quotas names no quota of dedicated hosts of this family")
    pages = account.client("ec2").get_paginator("describe_hosts").paginate()
    allocated = [host for page in pages for host in page["Hosts"] if host["State"] not in ("released",)]
    used = sum(
        family
        in (
            host["HostProperties"].get("InstanceFamily"),
            host["HostProperties"].get("InstanceType", "").partition(".")[0],
        )
        for host in allocated
    )
    detail = f"{used} of {limit.value} are allocated (ec2 {limit.code})"
    if not used and not limit.value:
        return about.failed(f"{detail}: there is no host to run on", _RAISE.format("ec2", limit.code, 1))
    return about.ok(detail)


def _running(account: Aws, found: Mapping[str, Limit]) -> Counter[str]:
    """vCPUs that run on demand and on no host of our own, by the code of their quota."""
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    pages = account.client("ec2").get_paginator("describe_instances").paginate(Filters=states)
    used: Counter[str] = Counter()
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                limit = family_limit(found, instance["InstanceType"])
                on_demand = not instance.get("InstanceLifecycle") and instance["Placement"].get("Tenancy") != "host"
                if limit is not None and on_demand:
                    used[limit.code] += _cpus(instance)
    return used


def _cpus(instance: dict[str, Any]) -> int:
    options = instance.get("CpuOptions", {})
    return int(options.get("CoreCount", 1)) * int(options.get("ThreadsPerCore", 1))


def _number(account: Aws, service: str, operation: str, key: str, **arguments: Any) -> int:
    return sum(len(page[key]) for page in account.client(service).get_paginator(operation).paginate(**arguments))


def _endpoints_of(account: Aws, name: str, value: str, kind: str) -> int:
    filters = [{"Name": name, "Values": [value]}, {"Name": "vpc-endpoint-type", "Values": [kind]}]
    return _number(account, "ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=filters)


def _balancers(account: Aws) -> int:
    pages = account.client("elbv2").get_paginator("describe_load_balancers").paginate()
    return sum(balancer["Type"] == "network" for page in pages for balancer in page["LoadBalancers"])


def _listed(account: Aws, plan: Plan) -> int:
    """A rule by a prefix list counts as the most entries that the list may have (VPC user guide, "Managed prefix lists
    concepts and rules")."""
    found = region.client_prefix_list(account, plan.client_prefix_list) if plan.client_prefix_list else None
    return int(found.get("MaxEntries", 0)) if found else 0


def _counts(plan: Plan) -> tuple[_Count, ...]:
    """Codes as `aws service-quotas list-aws-default-service-quotas` prints them."""
    new = int(plan.creates)
    vpc = plan.given.vpc if plan.given else ""

    def interfaces(account: Aws) -> int:
        return _endpoints_of(account, "vpc-id", vpc, "Interface") if vpc else 0

    def gateways(account: Aws) -> int:
        return _endpoints_of(account, "vpc-endpoint-state", "available", "Gateway")

    return (
        _Count("VPCs", "vpc", "L-F678F1CE", plan.vpcs, lambda a: _number(a, "ec2", "describe_vpcs", "Vpcs")),
        _Count("interface endpoints of a VPC", "vpc", "L-29B6F2EB", len(plan.interface_endpoints) * new, interfaces),
        _Count("gateway endpoints", "vpc", "L-1B52E74A", len(plan.gateway_endpoints) * new, gateways),
        _Count(
            "security groups",
            "vpc",
            "L-E79EC296",
            plan.security_groups,
            lambda a: _number(a, "ec2", "describe_security_groups", "SecurityGroups"),
        ),
        _Count("rules of a security group", "vpc", "L-0EA8095F", plan.rules, lambda a: _listed(a, plan)),
        _Count("Network Load Balancers", "elasticloadbalancing", "L-69A177A2", plan.load_balancers, _balancers),
    )
