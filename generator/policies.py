"""Policies of the grants in `generator/permissions.py`, and what nodes call by them.

A layer renders the grants on the resources that it owns (`attach`); the list of VPC endpoints and their policies is
derived from the same data, so an action that a node may call and cannot reach does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Bool,
    BoolIfExists,
    Condition,
    ConditionElement,
    ForAllValuesStringEquals,
    ForAllValuesStringLike,
    ForAllValuesStringNotLike,
    ForAnyValueStringEquals,
    ForAnyValueStringLike,
    ForAnyValueStringNotLike,
    Null,
    PolicyDocument,
    Statement,
    StringEquals,
    StringEqualsIfExists,
    StringLike,
    StringNotEquals,
)
from troposphere import Sub, Template, encode_to_dict
from troposphere.iam import RolePolicy

from coordination.names import CLUSTER_TAG
from generator.config.model import ClusterConfig, Partition
from generator.grant import HANDED_ROLES, IN_VPC, NODE_ROLES, Grant, On, Role
from generator.partition import via_services
from generator.permissions import GRANTS
from generator.values import ClusterUuid, RoleName, VpcId

# What no layer owns. A group's ARN holds a random part, so groups are told apart by the cluster's tag.
GROUPS = Sub(
    "arn:${AWS::Partition}:autoscaling:${AWS::Region}:${AWS::AccountId}:autoScalingGroup:*:autoScalingGroupName/*"
)

GATEWAY_SERVICES = ("dynamodb", "s3")
"""Those that are reached through a route, and not through an interface."""

_EC2 = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}"
INSTANCES, VOLUMES = Sub(f"{_EC2}:instance/*"), Sub(f"{_EC2}:volume/*")
"""Told apart by tags, too."""


def repositories(patterns: Sequence[str]) -> dict[On, list[Sub]]:
    """The repositories of the account's ECR, by their names or by what these begin with (`team/*`); nothing where there
    is none, for a statement has to be about something."""
    own = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository"
    return {On.REPOSITORIES: [Sub(f"{own}/{pattern}") for pattern in patterns]} if patterns else {}


def attach(
    template: Template,
    config: ClusterConfig,
    owner: str,
    role: Role,
    role_name: RoleName,
    resources: Mapping[On, Sequence[Any]],
    *,
    cluster_uuid: ClusterUuid | None = None,
    vpc_id: VpcId | None = None,
) -> RolePolicy:
    """Add the policy that gives `role` its grants on `resources`, which the layer `owner` names.

    `vpc_id` confines a node's credentials to instances in that VPC, to the address of the instance that has them and,
    unless the endpoints are central ones in another VPC, to calls that come from it. An add-on's are confined to such
    calls alone: of an instance they say nothing. Raises ValueError where nothing is granted, or where a grant
    needs the cluster's uuid or the VPC and it is not given.
    """
    grants = [grant for grant in _granted(config) if grant.role is role and grant.on in resources]
    if not grants:
        raise ValueError(f"{owner}: nothing is granted to {role.value} on {[on.value for on in resources]}")
    granted = [(grant, _operators(grant, config, cluster_uuid, vpc_id)) for grant in grants]
    return _role_policy(template, f"{role.value}Policy", owner, role_name, resources, granted)


def attach_granted(
    template: Template,
    owner: str,
    role_name: RoleName,
    grants: Sequence[Grant],
    resources: Mapping[On, Sequence[Any]],
    about: str = "",
) -> RolePolicy:
    """Add a policy of those of one role's `grants` that are on `resources`; of a stack that is no cluster's.

    `about` tells a second policy of the role in the same template from the first one. Raises ValueError where nothing
    is granted.
    """
    granted = [(grant, grant.conditions) for grant in grants if grant.on in resources]
    if not granted:
        raise ValueError(f"{owner}: nothing is granted on {[on.value for on in resources]}")
    name = f"{granted[0][0].role.value}{about}Policy"
    return _role_policy(template, name, f"{owner}{about}", role_name, resources, granted)


def _role_policy(
    template: Template,
    logical_id: str,
    name: str,
    role_name: RoleName,
    resources: Mapping[On, Sequence[Any]],
    granted: Sequence[tuple[Grant, Mapping[str, Mapping[str, Any]]]],
) -> RolePolicy:
    """A statement for each grant, with the operators of its condition."""
    statements = [
        Statement(
            Sid=grant.sid,
            Effect=Allow,
            Action=sorted(grant.actions, key=_name),
            Resource=list(resources[grant.on]),
            **({"Condition": condition(operators)} if operators else {}),
        )
        for grant, operators in granted
    ]
    # Where an auditor reads them, beside what they are about.
    reasons = {grant.sid: grant.reason for grant, _ in granted if grant.reason}
    metadata: dict[str, Any] = {"Metadata": {"Reasons": reasons}} if reasons else {}
    document = policy_dict(statements)
    return template.add_resource(
        RolePolicy(logical_id, PolicyName=name, RoleName=role_name, PolicyDocument=document, **metadata)
    )


# The operators that policies here use; a name that is missing is a KeyError while generating.
_OPERATORS: dict[str, Callable[[dict[str, Any]], ConditionElement]] = {
    "ArnLike": ArnLike,
    "Bool": Bool,
    "BoolIfExists": BoolIfExists,
    "ForAllValues:StringEquals": ForAllValuesStringEquals,
    "ForAllValues:StringLike": ForAllValuesStringLike,
    "ForAllValues:StringNotLike": ForAllValuesStringNotLike,
    "ForAnyValue:StringEquals": ForAnyValueStringEquals,
    "ForAnyValue:StringLike": ForAnyValueStringLike,
    "ForAnyValue:StringNotLike": ForAnyValueStringNotLike,
    "Null": Null,
    "StringEquals": StringEquals,
    "StringEqualsIfExists": StringEqualsIfExists,
    "StringLike": StringLike,
    "StringNotEquals": StringNotEquals,
}


def via(partition: Partition, *services: str) -> dict[str, dict[str, Any]]:
    """The condition that a key is used only through `services` in the stack's own region; none for no service."""
    return {"StringEquals": {"kms:ViaService": via_services(partition, services)}} if services else {}


def condition(operators: Mapping[str, Mapping[str, Any]]) -> Condition:
    """`{"StringEquals": {key: value}}` as awacs wants it."""
    return Condition([_OPERATORS[operator](dict(keys)) for operator, keys in operators.items()])


def policy_dict(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document as the plain dict that the properties take which know no awacs objects."""
    document: dict[str, Any] = encode_to_dict(PolicyDocument(Version="2012-10-17", Statement=list(statements)))
    return document


def called_actions(config: ClusterConfig) -> dict[str, list[str]]:
    """Service prefix -> the actions that are called on it from the VPC, by nodes and by a function that is there,
    sorted; what the endpoints are derived from.

    Not what a service calls on their behalf, which is what is not confined: it calls from its side of the network.
    """
    callers = (*IN_VPC, Role.FUNCTION) if config.lifecycle.function_in_vpc else IN_VPC
    called: dict[str, set[str]] = {}
    for grant in _granted(config):
        if grant.role in callers and grant.confined:
            for action in grant.actions:
                called.setdefault(action.prefix, set()).add(_name(action))
    return {service: sorted(actions) for service, actions in sorted(called.items())}


def _granted(config: ClusterConfig) -> list[Grant]:
    """The grants that the configuration has a use for."""
    return [
        each
        for each in GRANTS
        if (config.access.ssm or not each.sessions)
        and (config.tags or not each.tags)
        and (config.lifecycle.function_in_vpc or not each.function_in_vpc)
        and (each.addon is None or each.addon in config.addons.enabled)
    ]


def _operators(
    grant: Grant, config: ClusterConfig, cluster_uuid: ClusterUuid | None, vpc_id: VpcId | None
) -> dict[str, dict[str, Any]]:
    """Those of the statement's condition, with their keys; none where the grant has no condition."""
    merged: dict[str, dict[str, Any]] = {operator: dict(keys) for operator, keys in grant.conditions.items()}
    for operator, keys in via(config.partition, *grant.via).items():
        merged.setdefault(operator, {}).update(keys)
    central_endpoints = _central_endpoints(grant, config)
    for needed, key in ((grant.tagged, "aws:ResourceTag"), (grant.tagging, "aws:RequestTag")):
        if needed:
            if cluster_uuid is None:
                raise ValueError(f"{grant.sid}: a grant by tag needs the cluster's uuid")
            merged.setdefault("StringEquals", {})[f"{key}/{CLUSTER_TAG}"] = cluster_uuid
    if grant.confined and grant.role in IN_VPC and vpc_id is None:
        raise ValueError(f"{grant.sid}: a node's grant needs the VPC that it is confined to")
    if grant.confined and grant.role in HANDED_ROLES and not central_endpoints:
        merged.setdefault("StringEquals", {})["aws:SourceVpc"] = vpc_id
    if grant.confined and grant.role in NODE_ROLES:
        # A role's credentials in EC2 have these keys wherever they are used; a token that they got may have none.
        own = merged.setdefault("StringEqualsIfExists" if grant.by_token else "StringEquals", {})
        # Stolen credentials are of no use on another machine of the VPC: endpoints, central ones too, say which address
        # a call came from.
        own["aws:EC2InstanceSourcePrivateIPv4"] = "${aws:VpcSourceIp}"
        if not central_endpoints:
            own["aws:SourceVpc"] = vpc_id
        own["aws:EC2InstanceSourceVPC"] = vpc_id
    return merged


def _central_endpoints(grant: Grant, config: ClusterConfig) -> bool:
    """Whether its calls go through endpoints that stand in another VPC."""
    gateways = {action.prefix for action in grant.actions} <= set(GATEWAY_SERVICES)
    return (config.network.gateway_endpoints if gateways else config.network.endpoints) == "given"


def _name(action: Action) -> str:
    """`service:Action`."""
    return str(action.JSONrepr())
