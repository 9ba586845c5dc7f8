"""What a deploy would ask of the account, read from the templates and the parameters alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Any

from deployment import parameters, shape
from deployment.preflight.machine import Machines
from deployment.problem import entries
from deployment.templates import Body

_CONTROL_PLANE = "ControlPlane"
_NONE: Mapping[str, str] = MappingProxyType({})
_RULES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
# The resources that hold what nodes may call, and what is in front of endpoints that has another name than actions.
_NODE_POLICIES = ("ControlPlanePolicy", "WorkerPolicy", "AutoscalerPolicy", "EbsCsiPolicy")
_SERVICES = {"ecr": ("ecr.api", "ecr.dkr")}
# KMS is called by services for a node, and not by it.
_CALLED_FOR_NODES = "kms"
_NAME_TAG = "Name"
ALARM_TOPICS = "AlarmTopicArns"
"""The root's parameter with the topics that alarms notify."""
_PEOPLE = ("ViewerArns", "EditorArns", "AdministratorArns", "KeyOperatorArns")


# Of a launch template, what is the same in every deploy, and what policies of an organisation ask for or EC2 refuses.
_OPTIONS = ("EbsOptimized", "MetadataOptions", "Monitoring", "DisableApiTermination")


@dataclass(frozen=True)
class GivenNetwork:
    """The network that is there already, by its ids; lists are in the order of the zones."""

    vpc: str
    control_plane_subnets: tuple[str, ...]
    worker_subnets: tuple[str, ...]
    route_tables: tuple[str, ...]
    slot_places: tuple[int, ...]
    """For each slot the number of its subnet."""
    stated: shape.StatedNetwork | None
    """What the configuration states of the VPC; None for templates of an earlier release."""


@dataclass(frozen=True)
class Plan:
    """The demand of one deploy: what is to be there and is not yet."""

    region: str
    creates: bool
    """Whether there is no stack yet that has resources."""
    zones: tuple[str, ...]
    """By name; empty where the network is given, whose subnets say it."""
    machines: tuple[Machines, ...]
    interface_endpoints: tuple[str, ...]
    """Full names of the services whose endpoints the templates make, as the next ones."""
    gateway_endpoints: tuple[str, ...]
    node_services: tuple[str, ...]
    """The services that nodes call, as endpoints name them: "ecr.api"."""
    vpcs: int
    load_balancers: int
    security_groups: int
    rules: int
    """The largest number of rules that one group has in one direction."""
    given: GivenNetwork | None
    ranges: tuple[IPv4Network, ...]
    """Of pods and Services."""
    hosted_zone: str
    """The id of the given one; empty where it is made."""
    api_name: str
    prefix_lists: Mapping[str, str]
    """By service (s3, dynamodb): the parameter's value, which may be empty."""
    client_prefix_list: str
    """The id of the given one; may be empty."""
    host_groups: tuple[tuple[str, str], ...]
    """Parameter and ARN of each host resource group."""
    boundary: str
    alarm_topics: tuple[str, ...]
    """ARNs of the topics that alarms notify."""
    people: tuple[tuple[str, str], ...]
    """Parameter and ARN of each principal that is listed."""


def read(
    bodies: Mapping[str, Body], given: Mapping[str, str], region: str, existing: Mapping[str, str] = _NONE
) -> Plan:
    """The plan of the root (under "") and of its nested templates.

    `existing` are the parameters of the stack where it is there already: what an update does not name it keeps, and it
    makes no second VPC. Raises Refusal for parameters without a value and for wrong ones.
    """
    parameters.check_tree(bodies, given, existing)
    values = parameters.values(bodies[""], given, existing)
    creates = not existing
    return Plan(
        region=region,
        creates=creates,
        zones=tuple(entries(values.get("AvailabilityZones", ""))),
        machines=tuple(_machines(bodies, values, existing)),
        interface_endpoints=tuple(sorted(_endpoints(bodies, region, "Interface"))),
        gateway_endpoints=tuple(sorted(_endpoints(bodies, region, "Gateway"))),
        node_services=tuple(sorted(_node_services(bodies))),
        vpcs=_count(bodies, "AWS::EC2::VPC") if creates else 0,
        load_balancers=_count(bodies, "AWS::ElasticLoadBalancingV2::LoadBalancer") if creates else 0,
        security_groups=_count(bodies, "AWS::EC2::SecurityGroup") if creates else 0,
        rules=max(_rules(bodies).values(), default=0),
        given=_given_network(bodies, values),
        ranges=tuple(shape.fixed_ranges(bodies).values()),
        hosted_zone=values.get("HostedZoneId", ""),
        api_name=values.get("ApiEndpointName", ""),
        prefix_lists={
            name.removesuffix("PrefixListId").lower(): value
            for name, value in values.items()
            if name in ("S3PrefixListId", "DynamoDbPrefixListId")
        },
        client_prefix_list=values.get("ApiClientPrefixListId", ""),
        host_groups=tuple((name, arn) for name, arn in values.items() if re.match(r"HostResourceGroup\w+Arn$", name)),
        boundary=values.get("PermissionsBoundaryArn", ""),
        alarm_topics=tuple(entries(values.get(ALARM_TOPICS, ""))),
        people=tuple((name, arn) for name in _PEOPLE for arn in entries(values.get(name, ""))),
    )


def _count(bodies: Mapping[str, Body], resource_type: str) -> int:
    return sum(1 for _ in shape.resources(bodies, resource_type))


def _rules(bodies: Mapping[str, Body]) -> Counter[tuple[str, str]]:
    """How many rules each group has, by its logical id and the rules' type; conditional ones count."""
    return Counter(
        (str(properties["GroupId"]), kind) for kind in _RULES for properties in shape.resources(bodies, kind)
    )


def _given_network(bodies: Mapping[str, Body], values: Mapping[str, str]) -> GivenNetwork | None:
    if "VpcId" not in values:
        return None
    return GivenNetwork(
        vpc=values["VpcId"],
        control_plane_subnets=tuple(entries(values["ControlPlaneSubnetIds"])),
        worker_subnets=tuple(entries(values["WorkerSubnetIds"])),
        route_tables=tuple(entries(values.get("RouteTableIds", ""))),
        slot_places=shape.slot_places(bodies),
        stated=shape.stated_network(bodies),
    )


def _machines(bodies: Mapping[str, Body], values: Mapping[str, str], existing: Mapping[str, str]) -> Iterator[Machines]:
    """The control plane's, one for each slot, then each pool's.

    Beside those that are there an update takes as many again of the control plane, unless it replaces remove-first, and
    of each pool a batch, at most.
    """
    for parameter, instance_type in values.items():
        if not parameter.endswith("InstanceType"):
            continue
        pool = parameter.removesuffix("InstanceType")
        ours = pool == _CONTROL_PLANE
        stack = "Controlplane" if ours else f"Workers{pool}"
        body = bodies[stack]
        inputs = bodies[""]["Resources"][stack]["Properties"]["Parameters"]
        image = str(inputs["Image"]["Ref"])
        group = str(inputs.get("CapacityReservationGroupArn", {}).get("Ref", ""))
        policy = _update_policy(body)
        slots = len(shape.slot_places(bodies))
        launch = next(shape.resources({"": body}, "AWS::EC2::LaunchTemplate"))["LaunchTemplateData"]
        yield Machines(
            parameter=parameter,
            instance_type=instance_type,
            previous_type=existing.get(parameter, ""),
            image_parameter=image,
            image=values[image],
            control_plane=ours,
            smallest=slots if ours else int(values[f"{pool}MinSize"]),
            largest=slots if ours else int(values[f"{pool}MaxSize"]),
            rolled=int(policy["MaxBatchSize"]) if not ours else slots * (policy["MinInstancesInService"] != 0),
            tenancy=str(launch.get("Placement", {}).get("Tenancy", "default")),
            options={name: launch[name] for name in _OPTIONS if name in launch},
            volumes=tuple(_volumes(launch)),
            reservation=(group, values.get(group, "")),
            tags=tuple(_tags(launch)),
        )


def _update_policy(body: Body) -> dict[str, Any]:
    policies = (resource.get("UpdatePolicy", {}) for resource in body["Resources"].values())
    return next(dict(each["AutoScalingRollingUpdate"]) for each in policies if each)


def _volumes(launch: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for mapping in launch.get("BlockDeviceMappings", []):
        yield mapping["DeviceName"], int(mapping["Ebs"]["VolumeSize"])


def _tags(launch: Mapping[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Those of the configuration. Without them a launch needs no permission to tag, so that the others are left out."""
    for specification in launch.get("TagSpecifications", []):
        tags = tuple(
            (tag["Key"], tag["Value"])
            for tag in specification["Tags"]
            if tag["Key"] != _NAME_TAG and isinstance(tag["Value"], str)
        )
        if tags:
            yield specification["ResourceType"], tags


def _endpoints(bodies: Mapping[str, Body], region: str, kind: str) -> Iterator[str]:
    for properties in shape.resources(bodies, "AWS::EC2::VPCEndpoint"):
        if properties.get("VpcEndpointType", "Gateway") == kind:
            name = properties["ServiceName"]
            yield str(name["Fn::Sub"] if isinstance(name, dict) else name).replace("${AWS::Region}", region)


def _node_services(bodies: Mapping[str, Body]) -> set[str]:
    """What the policies of nodes allow is what they call."""
    prefixes = {
        action.partition(":")[0]
        for body in bodies.values()
        for name, resource in body["Resources"].items()
        if name in _NODE_POLICIES and resource["Type"] == "AWS::IAM::RolePolicy"
        for action in _actions(resource["Properties"])
    }
    return {name for prefix in prefixes - {_CALLED_FOR_NODES} for name in _SERVICES.get(prefix, (prefix,))}


def _actions(node: Any) -> Iterator[str]:
    """Every action that is named somewhere in a part of a template."""
    if isinstance(node, list):
        for part in node:
            yield from _actions(part)
    elif isinstance(node, dict):
        for key, part in node.items():
            if key == "Action":
                yield from [part] if isinstance(part, str) else part
            else:
                yield from _actions(part)
