"""The permissions of requests to EC2, and of launches from a launch template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, behalf, granted, pass_role

RESOURCES = {
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
    "ami": "image",
    "eni": "network-interface",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
    "lt": "launch-template",
    "rtb": "route-table",
    "fl": "vpc-flow-log",
    "sgr": "security-group-rule",
}
"""How EC2's ids begin, and the resource types in their ARNs."""
OF_ONE = ("DescribeImageAttribute", "DescribeSnapshotAttribute")
"""Operations that describe, and have a resource level (Service Authorization Reference)."""
CREATING = ("Create", "Allocate")
"""How operations begin that make something: of that the ARN ends in `*` (EC2 guide, "Identity-based policies")."""
WITHOUT_ACCOUNT = ("image", "snapshot")
"""Resources that belong to no account in an ARN, for they may be another's."""
FLOW_LOGS = "vpc-flow-logs.amazonaws.com"


def needs(asked: Asked, state: State) -> list[Need]:
    """Describing has no resource level, but for OF_ONE; a change is on what its parameters name. Raises NotModelled."""
    action = f"ec2:{asked.operation}"
    if asked.operation.startswith(("Describe", "Get")):
        named = _resources(asked, action) if asked.operation in OF_ONE else ()
        return [Need(action, arn) for arn in named] or [Need(action)]
    if asked.operation == "RunInstances":
        return _run(asked, state)
    found = list(_resources(asked, action))
    if not found:
        return generic.needs(asked)
    specifications = asked.parameters.get("TagSpecifications") or []
    values = {kind: generic.request_tags(tags) for kind, tags in _by_kind(specifications).items()}
    plain = generic.tag_values(asked)
    needed = [Need(action, arn, values.get(_kind(arn), plain) if arn.endswith("/*") else plain) for arn in found]
    needed += _tagging(asked, asked.operation, specifications)
    if asked.operation == "CreateVolume":
        needed = _encrypted(asked, state, needed)
    role = asked.parameters.get("DeliverLogsPermissionArn")
    return [*needed, pass_role(role, FLOW_LOGS)] if role else needed


def _encrypted(asked: Asked, state: State, needed: list[Need]) -> list[Need]:
    """What is said of a volume's encryption, and what EBS asks the key for (EBS guide, "How Amazon EBS encryption
    works"): a data key now, and a grant for whatever instance the volume is attached to."""
    encrypted: dict[str, Values] = {"ec2:Encrypted": "true" if asked.parameters.get("Encrypted") else "false"}
    said = [
        replace(need, values={**need.values, **encrypted}) if need.action == "ec2:CreateVolume" else need
        for need in needed
    ]
    named = asked.parameters.get("KmsKeyId")
    key = state.kms_key(asked.region, named) if named else None
    return [*said, *behalf("ec2", "GenerateDataKeyWithoutPlaintext", key, {}), *granted("ec2", key)]


def launch(asked: Asked, state: State, template: Mapping[str, Any], subnets: Iterable[str]) -> list[Need]:
    """What a launch from a launch template into some subnets needs: RunInstances on everything that it uses and makes,
    the tags, and the role that the instances are to have (EC2 guide, "Launch instances (RunInstances)").
    """
    found = state.launch_template(asked.region, template)
    if found is None:
        # The service itself says that there is no such template.
        return []
    template_id, data = found
    return _launched(asked, state, data, [*subnets], [template_id])


def _run(asked: Asked, state: State) -> list[Need]:
    """A request for instances that names everything itself, also a dry run. Raises NotModelled for a launch template.

    Without a subnet and groups EC2 takes those of the default VPC, whose ids the request does not say.
    """
    given = asked.parameters
    if given.get("LaunchTemplate"):
        raise NotModelled("ec2:RunInstances")
    needed = _launched(asked, state, given, [given["SubnetId"]] if given.get("SubnetId") else [], [])
    kinds = {_kind(need.resource) for need in needed if need.action == "ec2:RunInstances"}
    found = [kind for kind in ("subnet", "security-group") if kind not in kinds]
    return [*needed, *(Need("ec2:RunInstances", asked.arn("ec2", f"{kind}/*")) for kind in found)]


def _launched(
    asked: Asked, state: State, data: Mapping[str, Any], subnets: Iterable[str], templates: Iterable[str]
) -> list[Need]:
    if set(data) & NOT_PLAYED:
        raise NotModelled("ec2:RunInstances")
    interfaces = data.get("NetworkInterfaces") or []
    groups = [each for source in (data, *interfaces) for each in source.get("SecurityGroupIds") or ()]
    groups += [each for interface in interfaces for each in interface.get("Groups") or ()]
    places = [*subnets, *(each["SubnetId"] for each in interfaces if each.get("SubnetId"))]
    used = [data["ImageId"]] if data.get("ImageId") else []
    arns = [_arn(asked, each) for each in (*used, *dict.fromkeys(groups), *dict.fromkeys(places), *templates)]
    arns += [asked.arn("ec2", f"{kind}/*") for kind in ("instance", "network-interface", "volume")]
    arns += _reservations(data.get("CapacityReservationSpecification") or {})
    specifications = data.get("TagSpecifications") or []
    tags = {kind: generic.request_tags(given) for kind, given in _by_kind(specifications).items()}
    needed = [Need("ec2:RunInstances", arn, tags.get(_kind(arn), {}) if arn.endswith("/*") else {}) for arn in arns]
    needed += _tagging(asked, "RunInstances", specifications)
    profile = data.get("IamInstanceProfile") or {}
    role = state.profile_role(asked.partition, profile.get("Arn") or profile.get("Name") or "")
    return [*needed, pass_role(role, "ec2.amazonaws.com")] if role else needed


def _reservations(specification: Mapping[str, Any]) -> list[str]:
    """The group of Capacity Reservations that a launch is for, by its own ARN. Raises NotModelled for a single one."""
    target = specification.get("CapacityReservationTarget") or {}
    if target.get("CapacityReservationId"):
        raise NotModelled("ec2:RunInstances")
    group = target.get("CapacityReservationResourceGroupArn")
    return [group] if group else []


NOT_PLAYED = frozenset({"KeyName", "ElasticGpuSpecifications", "InstanceRequirements"})
"""Settings of a launch template that need more, which nobody here asks for."""


def _resources(asked: Asked, action: str) -> Iterable[str]:
    """What the parameters name, and what is to be made."""
    known = catalog.action(action)
    if known is None:
        raise NotModelled(action)
    given = [
        each
        for name, value in asked.parameters.items()
        if name != "ClientToken"
        for each in generic.texts(value)
        if RESOURCES.get(each.partition("-")[0]) in known.types
    ]
    yield from (_arn(asked, each) for each in dict.fromkeys(given))
    named = {RESOURCES[each.partition("-")[0]] for each in given}
    if asked.operation.startswith(CREATING):
        for kind, always in known.types.items():
            if always and kind not in named:
                yield asked.arn("ec2", f"{kind}/*")


def _tagging(asked: Asked, operation: str, specifications: Iterable[Mapping[str, Any]]) -> list[Need]:
    """What tags at a creation need (EC2 guide, "Grant permission to tag Amazon EC2 resources during creation")."""
    return [
        Need("ec2:CreateTags", asked.arn("ec2", f"{kind}/*"), {**generic.request_tags(tags), **created_by(operation)})
        for kind, tags in _by_kind(specifications).items()
        if tags
    ]


def created_by(operation: str) -> dict[str, Values]:
    """The condition key of what creates the resource that is tagged."""
    return {"ec2:CreateAction": operation}


def _by_kind(specifications: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    tags: dict[str, list[Any]] = {}
    for each in specifications:
        tags.setdefault(each["ResourceType"], []).extend(each.get("Tags") or ())
    return tags


def _kind(arn: str) -> str:
    return arn.split(":", 5)[5].partition("/")[0]


def _arn(asked: Asked, identity: str) -> str:
    kind = RESOURCES.get(identity.partition("-")[0])
    if kind is None:
        raise NotModelled(f"ec2:{asked.operation}")
    account = "" if kind in WITHOUT_ACCOUNT else asked.account_id
    return f"arn:{asked.partition}:ec2:{asked.region}:{account}:{kind}/{identity}"
