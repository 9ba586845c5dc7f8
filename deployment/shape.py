"""What the templates make of the root's values: how many zones and ranges they take, which ranges they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from coordination.names import GIVEN_VPC_METADATA, StatedVpc
from deployment.templates import Body

# Logical ids: of the layers in the root, and of what they hold.
_NETWORK, _SERVICES, _CONTROL_PLANE = "Network", "Services", "Controlplane"
PODS, SERVICES = "PodCidrSetting", "ServiceCidrSetting"


def resources(bodies: Mapping[str, Body], resource_type: str) -> Iterator[dict[str, Any]]:
    """The properties of all resources of a type."""
    for body in bodies.values():
        for resource in body.get("Resources", {}).values():
            if resource["Type"] == resource_type:
                yield resource.get("Properties", {})


def zones(bodies: Mapping[str, Body]) -> int:
    """How many entries of the list of zones the subnets select; 0 where the network is given."""
    selected = (properties.get("AvailabilityZone") for properties in resources(bodies, "AWS::EC2::Subnet"))
    return len({zone["Fn::Select"][0] for zone in selected if isinstance(zone, dict) and "Fn::Select" in zone})


def slot_places(bodies: Mapping[str, Body]) -> tuple[int, ...]:
    """For each slot the number of its subnet in the list of control-plane subnets, in the order of the slots."""
    found = {
        int(name.removeprefix("Slot")): resource["Properties"]["VPCZoneIdentifier"][0]["Fn::Select"][0]
        for name, resource in bodies.get(_CONTROL_PLANE, {"Resources": {}})["Resources"].items()
        if re.fullmatch(r"Slot\d+", name)
    }
    return tuple(int(found[slot]) for slot in sorted(found))


@dataclass(frozen=True)
class StatedNetwork:
    """What the configuration states of a given VPC."""

    cidrs: frozenset[IPv4Network]
    tenancy: str


def stated_network(bodies: Mapping[str, Body]) -> StatedNetwork | None:
    """None where the templates make the VPC."""
    said = bodies[""].get("Metadata", {}).get(GIVEN_VPC_METADATA)
    if said is None:
        return None
    return StatedNetwork(frozenset(map(IPv4Network, said[StatedVpc.CIDRS.value])), said[StatedVpc.TENANCY.value])


def fixed_ranges(bodies: Mapping[str, Body]) -> dict[str, IPv4Network]:
    """The ranges of pods and of Services, under PODS and SERVICES; only what the templates state."""
    found = bodies.get(_SERVICES, {"Resources": {}})["Resources"]
    return {name: IPv4Network(found[name]["Properties"]["Value"]) for name in (PODS, SERVICES) if name in found}


def worker_subnets(bodies: Mapping[str, Body]) -> list[IPv4Network]:
    """The ranges of the workers' subnets that the templates make; none where the network is given."""
    return [
        IPv4Network(resource["Properties"]["CidrBlock"])
        for name, resource in bodies.get(_NETWORK, {"Resources": {}})["Resources"].items()
        if re.fullmatch(r"WorkerSubnet\d+", name)
    ]


def pools(declared: Mapping[str, Any]) -> list[str]:
    """The prefixes of the pools' parameters: General of GeneralMinSize and GeneralMaxSize."""
    names = (name.removesuffix("MinSize") for name in declared if name.endswith("MinSize"))
    return [name for name in names if f"{name}MaxSize" in declared]
