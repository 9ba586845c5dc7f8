"""What a deploy would ask of the account, read from the templates and the parameters alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployment import parameters
from deployment.templates import Body

_CONTROL_PLANE = "ControlPlane"


@dataclass(frozen=True)
class Machines:
    """Instances of one type: how many there are at first, their image and tenancy (default, dedicated, host)."""

    parameter: str
    instance_type: str
    image: str
    count: int
    tenancy: str


@dataclass(frozen=True)
class Plan:
    """The demand of one deploy. `zones_needed` is 0 where the network is given."""

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


def read(bodies: Mapping[str, Body], given: Mapping[str, str], region: str) -> Plan:
    """The plan of the root (under "") and of its nested templates. Raises Refusal for parameters without a value."""
    parameters.check(bodies[""], given)
    defaults = {name: body.get("Default") for name, body in bodies[""].get("Parameters", {}).items()}
    values = {name: str(default) for name, default in defaults.items() if default is not None} | dict(given)
    return Plan(
        region=region,
        zones=tuple(zone.strip() for zone in values.get("AvailabilityZones", "").split(",") if zone.strip()),
        zones_needed=_zones_needed(bodies),
        machines=tuple(_machines(bodies, values)),
        interface_endpoints=tuple(sorted(_endpoints(bodies, region, "Interface"))),
        gateway_endpoints=tuple(sorted(_endpoints(bodies, region, "Gateway"))),
        vpcs=sum(1 for _ in _resources(bodies, "AWS::EC2::VPC")),
        load_balancers=sum(1 for _ in _resources(bodies, "AWS::ElasticLoadBalancingV2::LoadBalancer")),
        host_groups=tuple((name, arn) for name, arn in values.items() if re.match(r"HostResourceGroup\w+Arn$", name)),
    )


def _resources(bodies: Mapping[str, Body], resource_type: str) -> Iterator[dict[str, Any]]:
    for body in bodies.values():
        for resource in body["Resources"].values():
            if resource["Type"] == resource_type:
                yield resource.get("Properties", {})


def _zones_needed(bodies: Mapping[str, Body]) -> int:
    """How many entries of the list of zones the subnets select."""
    zones = (properties.get("AvailabilityZone") for properties in _resources(bodies, "AWS::EC2::Subnet"))
    return len({zone["Fn::Select"][0] for zone in zones if isinstance(zone, dict) and "Fn::Select" in zone})


def _machines(bodies: Mapping[str, Body], values: Mapping[str, str]) -> Iterator[Machines]:
    """The control plane's, one for each slot, then each pool's at its smallest size."""
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
            count, image = int(values[f"{pool}MinSize"]), values["WorkerImage"]
        yield Machines(parameter, instance_type, image, count, _tenancy(body))


def _tenancy(body: Body) -> str:
    templates = _resources({"": body}, "AWS::EC2::LaunchTemplate")
    return next(str(found["LaunchTemplateData"].get("Placement", {}).get("Tenancy", "default")) for found in templates)


def _endpoints(bodies: Mapping[str, Body], region: str, kind: str) -> Iterator[str]:
    for properties in _resources(bodies, "AWS::EC2::VPCEndpoint"):
        if properties.get("VpcEndpointType", "Gateway") == kind:
            name = properties["ServiceName"]
            yield str(name["Fn::Sub"] if isinstance(name, dict) else name).replace("${AWS::Region}", region)
