"""What is counted of a tree of templates: instances of its groups with their volumes, and values behind references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coordination.names import CONTROL_PLANE_ROLE, POOL_TAG, ROLE_TAG
from deployment import parameters, shape
from deployment.refusal import Refusal
from deployment.templates import Body

GROUP = "AWS::AutoScaling::AutoScalingGroup"
_VPC = "AWS::EC2::VPC"


@dataclass(frozen=True)
class Volume:
    """An EBS volume of an instance."""

    kind: str
    gib: float
    iops: float
    mib_a_second: float


@dataclass(frozen=True)
class Group:
    """Instances that are alike: those of a pool, or all control planes. `least` and `most` are how many there are."""

    name: str
    is_control_plane: bool
    instance_type: str
    tenancy: str
    monitored: bool
    volumes: tuple[Volume, ...]
    least: int
    most: int


@dataclass(frozen=True)
class Tree:
    """Templates as `templates.tree` reads them, with the values that a deploy would give their root."""

    bodies: Mapping[str, Body]
    given: Mapping[str, str]

    def resources(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every resource, with the logical id of the stack that it is in."""
        for stack, body in self.bodies.items():
            for resource in body["Resources"].values():
                yield stack, resource

    def text(self, stack: str, value: Any) -> str:
        """A property's value, through the parameters of its stack. Raises Refusal for what a deploy has to be given."""
        while isinstance(value, dict) and set(value) == {"Ref"}:
            name = value["Ref"]
            passed = self.bodies[""]["Resources"][stack]["Properties"].get("Parameters", {}) if stack else {}
            if name in passed:
                stack, value = "", passed[name]
                continue
            known = parameters.values(self.bodies[stack], self.given if not stack else {})
            if name not in known:
                raise Refusal(f"a value is needed for {name}: put it into the file of PARAMS=, or SET=Key=Value")
            value = known[name]
        return str(value)

    def groups(self) -> list[Group]:
        """The control planes as one group, then the pools. Each slot's group holds one instance; an update adds one to
        a slot at a time, for as long as that takes."""
        slots: list[Group] = []
        pools: list[Group] = []
        for stack, resource in self.resources():
            if resource["Type"] == GROUP:
                found = self._group(stack, resource["Properties"])
                (slots if found.is_control_plane else pools).append(found)
        alike: dict[Group, int] = {}
        for slot in slots:
            alike[slot] = alike.get(slot, 0) + 1
        return [replace(slot, least=count, most=count) for slot, count in alike.items()] + pools

    def _group(self, stack: str, properties: Mapping[str, Any]) -> Group:
        tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"] if isinstance(tag["Key"], str)}
        is_control_plane = tags[ROLE_TAG] == CONTROL_PLANE_ROLE
        template = properties["LaunchTemplate"]["LaunchTemplateId"]["Ref"]
        data = self.bodies[stack]["Resources"][template]["Properties"]["LaunchTemplateData"]
        least, most = (
            1 if is_control_plane else int(self.text(stack, properties[each])) for each in ("MinSize", "MaxSize")
        )
        return Group(
            name=CONTROL_PLANE_ROLE if is_control_plane else tags[POOL_TAG],
            is_control_plane=is_control_plane,
            instance_type=self.text(stack, data["InstanceType"]),
            tenancy=self._tenancy(data["Placement"]["Tenancy"]),
            monitored=data["Monitoring"]["Enabled"] is True,
            volumes=tuple(self._volume(stack, each["Ebs"]) for each in data["BlockDeviceMappings"]),
            least=least,
            most=most,
        )

    def _volume(self, stack: str, ebs: Mapping[str, Any]) -> Volume:
        numbers = (float(self.text(stack, ebs.get(each, 0))) for each in ("VolumeSize", "Iops", "Throughput"))
        return Volume(self.text(stack, ebs["VolumeType"]), *numbers)

    def _tenancy(self, stated: str) -> str:
        """In a dedicated VPC an instance of default tenancy is a Dedicated Instance."""
        given = shape.stated_network(self.bodies)
        made = (each.get("InstanceTenancy") for each in shape.resources(self.bodies, _VPC))
        vpc = given.tenancy if given else next(made, None)
        return "dedicated" if stated == "default" and vpc == "dedicated" else stated
