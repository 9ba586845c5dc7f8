"""What people may do with a cluster through AWS: a managed policy for each group, and what their table itself denies.

A person asks for a certificate by a row of a table, which an agent answers (coordination/access.py). The row's key
proves who asks, because IAM binds it to `aws:userid` and `aws:PrincipalArn`: to the user, or to the role and the name
of its session. Both are single-valued keys of every signed request, and such keys are policy variables (IAM guide, "IAM
policy elements: Variables and tags").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awacs import autoscaling, cloudformation, dynamodb, kms
from awacs.aws import Action, Allow, AWSPrincipal, Deny, Statement
from troposphere import Join, Ref, Split, Sub, Template
from troposphere.iam import ManagedPolicy

from coordination.names import (
    APPROVAL_ITEM_PREFIX,
    AccessGroup,
    access_item,
    own_access_items,
)
from generator.config.model import Partition
from generator.layer import logical_id
from generator.policies import condition, policy_dict, via
from generator.values import ClusterId, KeyArn, PolicyArn, PrincipalArns, RoleArn, RolePath, TableArn

_USER_ID, _PRINCIPAL = "${aws:userid}", "${aws:PrincipalArn}"
_LEADING = "dynamodb:LeadingKeys"
_WRITES = (dynamodb.BatchWriteItem, dynamodb.DeleteItem, dynamodb.PutItem, dynamodb.UpdateItem)
# Of these it is not documented that they tell the items' keys, and nobody here uses them.
_BY_STATEMENTS = (dynamodb.PartiQLDelete, dynamodb.PartiQLInsert, dynamodb.PartiQLUpdate)
# By which a table would be another one, or would have another policy.
_EXCHANGES = (dynamodb.DeleteResourcePolicy, dynamodb.DeleteTable, dynamodb.PutResourcePolicy)
# Of the statements on every resource, by their Sid.
_REASONS = {"SeeGroups": "describing has no resource level"}


@dataclass(frozen=True)
class Tables:
    """The cluster table, the one in which people ask, and the key of both."""

    cluster: TableArn
    access: TableArn
    key: KeyArn


def of_access_table(
    control_plane_role_arn: RoleArn, viewer_arns: PrincipalArns, editor_arns: PrincipalArns
) -> list[Statement]:
    """The policy of the table in which people ask: nobody but the control planes writes in another's name, whatever his
    own policies allow, and whoever may not administer the cluster cannot take that away.

    The resource is `*`, the table itself: its ARN in its own policy would be a cycle.
    """
    others = {"StringNotEquals": {"aws:PrincipalArn": control_plane_role_arn}}
    own = f"{own_access_items(_USER_ID, _PRINCIPAL)}*"
    limited = Split(",", Join(",", [Join(",", viewer_arns), Join(",", editor_arns)]))
    return [
        _deny("WriteInAnothersName", _WRITES, {"ForAnyValue:StringNotLike": {_LEADING: [own]}, **others}),
        _deny("WriteWithoutKeys", _WRITES, {"Null": {_LEADING: "true"}, **others}),
        _deny("WriteByStatements", _BY_STATEMENTS),
        _deny("ExchangeTable", _EXCHANGES, {"StringEquals": {"aws:PrincipalArn": limited}}),
    ]


def _deny(sid: str, actions: tuple[Action, ...], conditions: dict[str, dict[str, Any]] | None = None) -> Statement:
    extra = {"Condition": condition(conditions)} if conditions else {}
    everybody = AWSPrincipal("*")
    return Statement(Sid=sid, Effect=Deny, Principal=everybody, Action=list(actions), Resource=["*"], **extra)


def add(
    template: Template, partition: Partition, cluster_id: ClusterId, path: RolePath, tables: Tables
) -> dict[AccessGroup, PolicyArn]:
    """The managed policies, by their groups. They are attached to nobody."""
    return {group: _policy(template, partition, group, cluster_id, path, tables) for group in AccessGroup}


def _policy(
    template: Template,
    partition: Partition,
    group: AccessGroup,
    cluster_id: ClusterId,
    path: RolePath,
    tables: Tables,
) -> PolicyArn:
    own = [access_item(_USER_ID, _PRINCIPAL, each, "*") for each in group.within]
    statements = [
        _allow("AskForAccess", (dynamodb.GetItem, dynamodb.PutItem), [tables.access], _keys(*own)),
        # What `make status` reads. No row holds a secret.
        _allow("SeeRows", (dynamodb.Scan,), [tables.cluster]),
        _allow("UseKey", _KEY_USE, [tables.key], via(partition, "dynamodb")),
        _allow("SeeStacks", _STACKS, _stacks(cluster_id)),
        _allow("SeeGroups", _GROUPS, ["*"]),
    ]
    if group is AccessGroup.ADMIN:
        approvals = _keys(f"{APPROVAL_ITEM_PREFIX}*")
        statements.append(_allow("Approve", (dynamodb.DeleteItem, dynamodb.PutItem), [tables.cluster], approvals))
    made = template.add_resource(
        ManagedPolicy(
            f"{logical_id(group)}OperatorPolicy",
            # Another description, or another path, is another policy: whoever has the old one would keep that.
            Description=f"Lets people ask for certificates of the group {group.kubernetes_group}",
            Path=path,
            PolicyDocument=policy_dict(statements),
            Metadata={"Reasons": _REASONS},
        )
    )
    return PolicyArn(Ref(made))


_KEY_USE = (kms.Decrypt, kms.DescribeKey, kms.Encrypt, kms.GenerateDataKey)
_STACKS = (
    cloudformation.DescribeStackEvents,
    cloudformation.DescribeStackResource,
    cloudformation.DescribeStackResources,
    cloudformation.DescribeStacks,
    cloudformation.ListStackResources,
)
_GROUPS = (
    autoscaling.DescribeAutoScalingGroups,
    autoscaling.DescribeAutoScalingInstances,
    autoscaling.DescribeLifecycleHooks,
    autoscaling.DescribeScalingActivities,
)


def _allow(
    sid: str, actions: tuple[Action, ...], resources: list[Any], conditions: dict[str, dict[str, Any]] | None = None
) -> Statement:
    extra = {"Condition": condition(conditions)} if conditions else {}
    return Statement(Sid=sid, Effect=Allow, Action=list(actions), Resource=resources, **extra)


def _keys(*patterns: str) -> dict[str, dict[str, Any]]:
    """ForAllValues is true for a request without keys, of which the second condition lets none pass."""
    return {"ForAllValues:StringLike": {_LEADING: list(patterns)}, "Null": {_LEADING: "false"}}


def _stacks(cluster_id: ClusterId) -> list[Any]:
    """The root stack, and the nested ones, whose names begin with its name."""
    base = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack"
    return [cluster_id, Sub(f"{base}/${{RootStack}}-*/*", RootStack=cluster_id.stack_name())]
