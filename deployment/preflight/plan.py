"""What a deploy would ask of the account, read from the templates and the parameters alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from deployment import parameters
from deployment.templates import Body

_CONTROL_PLANE = "ControlPlane"
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Machines:
    """Instances of one type: how many more there are to be, their image and tenancy (default, dedicated, host)."""

    parameter: str
    instance_type: str
    image: str
    count: int
    tenancy: str


@dataclass(frozen=True)
class Plan:
    """The demand of one deploy: what is to be there and is not yet. `zones_needed` is 0 where the network is given."""

    region: str
    zones: tuple[str, ...]
    zones_needed: int
    machines: tuple[Machines, ...]
    interface_endpoints: tuple[str, ...]
    gateway_endpoints: tuple[str, ...]
    vpcs: int
    load_balancers: int
    # Parameter and ARN of each host resource group.
    host_groups: tuple[tuple[str, str], ...]


def read(
    bodies: Mapping[str, Body], given: Mapping[str, str], region: str, existing: Mapping[str, str] = _NONE
) -> Plan:
    """The plan of the root (under "") and of its nested templates.

    `existing` are the parameters of the stack where it is there already: what an update does not name it keeps, and it
    makes no second VPC. Raises Refusal for parameters without a value and for wrong ones.
    """
    parameters.check_tree(bodies, given, existing)
    values = parameters.values(bodies[""], given, existing)
    return Plan(
        region=region,
        zones=tuple(zone.strip() for zone in values.get("AvailabilityZones", "").split(",") if zone.strip()),
        zones_needed=_zones_needed(bodies),
        machines=tuple(_machines(bodies, values, existing)),
        interface_endpoints=tuple(sorted(_endpoints(bodies, region, "Interface"))),
        gateway_endpoints=tuple(sorted(_endpoints(bodies, region, "Gateway"))),
        vpcs=0 if existing else _count(bodies, "AWS::EC2::VPC"),
        load_balancers=0 if existing else _count(bodies, "AWS::ElasticLoadBalancingV2::LoadBalancer"),
        host_groups=tuple((name, arn) for name, arn in values.items() if re.match(r"HostResourceGroup\w+Arn$", name)),
    )


def _resources(bodies: Mapping[str, Body], resource_type: str) -> Iterator[dict[str, Any]]:
    for body in bodies.values():
        for resource in body["Resources"].values():
            if resource["Type"] == resource_type:
                yield resource.get("Properties", {})


def _count(bodies: Mapping[str, Body], resource_type: str) -> int:
    return sum(1 for _ in _resources(bodies, resource_type))


def _zones_needed(bodies: Mapping[str, Body]) -> int:
    """How many entries of the list of zones the subnets select."""
    zones = (properties.get("AvailabilityZone") for properties in _resources(bodies, "AWS::EC2::Subnet"))
    return len({zone["Fn::Select"][0] for zone in zones if isinstance(zone, dict) and "Fn::Select" in zone})


def _machines(bodies: Mapping[str, Body], values: Mapping[str, str], existing: Mapping[str, str]) -> Iterator[Machines]:
    """The control plane's, one for each slot, then each pool's at its smallest size.

    Beside those that are there an update takes as many again of the control plane, and of each pool a batch, at most.
    """
    for parameter, instance_type in values.items():
        if not parameter.endswith("InstanceType"):
            continue
        pool = parameter.removesuffix("InstanceType")
        if pool == _CONTROL_PLANE:
            body = bodies["Controlplane"]
            count = sum(bool(re.fullmatch(r"Slot\d+", name)) for name in body["Resources"])
            image = values["ControlPlaneImage"]
        else:
            body = bodies[f"Workers{pool}"]
            smallest = f"{pool}MinSize"
            count = _batch(body) if smallest in existing else int(values[smallest])
            image = values["WorkerImage"]
        yield Machines(parameter, instance_type, image, count, _tenancy(body))


def _batch(body: Body) -> int:
    """How many nodes of a pool an update replaces at a time."""
    policies = (resource.get("UpdatePolicy", {}) for resource in body["Resources"].values())
    return next(int(each["AutoScalingRollingUpdate"]["MaxBatchSize"]) for each in policies if each)


def _tenancy(body: Body) -> str:
    templates = _resources({"": body}, "AWS::EC2::LaunchTemplate")
    return next(str(found["LaunchTemplateData"].get("Placement", {}).get("Tenancy", "default")) for found in templates)


def _endpoints(bodies: Mapping[str, Body], region: str, kind: str) -> Iterator[str]:
    for properties in _resources(bodies, "AWS::EC2::VPCEndpoint"):
        if properties.get("VpcEndpointType", "Gateway") == kind:
            name = properties["ServiceName"]
            yield str(name["Fn::Sub"] if isinstance(name, dict) else name).replace("${AWS::Region}", region)
