"""What people may do with a cluster through AWS: a managed policy for each group, and what the table itself denies.

A person asks for a certificate by a row of the cluster table, which an agent answers (coordination/access.py). The
row's key proves who asks, because IAM binds it to `aws:userid` and `aws:PrincipalArn`: to the user, or to the role and
the name of its session. Both are single-valued keys of every signed request, and such keys are policy variables (IAM
guide, "IAM policy elements: Variables and tags").
"""

from __future__ import annotations

from typing import Any

from awacs import autoscaling, cloudformation, dynamodb, kms
from awacs.aws import Action, Allow, AWSPrincipal, Deny, Statement
from troposphere import Ref, Sub, Template
from troposphere.iam import ManagedPolicy

from coordination.names import (
    ACCESS_ITEM_PREFIX,
    APPROVAL_ITEM_PREFIX,
    AccessGroup,
    access_item,
    own_access_items,
)
from generator.layer import logical_id
from generator.permissions import condition, policy_dict, via
from generator.values import ClusterId, KeyArn, PolicyArn, RoleArn, RolePath, TableArn

_USER_ID, _PRINCIPAL = "${aws:userid}", "${aws:PrincipalArn}"
_LEADING = "dynamodb:LeadingKeys"
_WRITES = (
    dynamodb.BatchWriteItem,
    dynamodb.DeleteItem,
    dynamodb.PartiQLDelete,
    dynamodb.PartiQLInsert,
    dynamodb.PartiQLUpdate,
    dynamodb.PutItem,
    dynamodb.UpdateItem,
)
_WHAT = {
    AccessGroup.VIEW: "sees the cluster",
    AccessGroup.EDIT: "changes what is in namespaces that are open to editors",
    AccessGroup.ADMIN: "does everything in the cluster, and approves",
}
# Of the statements on every resource, by their Sid.
_REASONS = {"SeeGroups": "describing has no resource level"}


def in_ones_own_name(control_plane_role_arn: RoleArn) -> Statement:
    """The statement of the table's policy that nobody but the control planes writes a request for access in another
    name, whatever his own policies allow. The resource is `*`: the table's ARN in its own policy would be a cycle."""
    return Statement(
        Sid="RequestsForAccessInOnesOwnName",
        Effect=Deny,
        Principal=AWSPrincipal("*"),
        Action=list(_WRITES),
        Resource=["*"],
        Condition=condition(
            {
                "ForAnyValue:StringLike": {_LEADING: [f"{ACCESS_ITEM_PREFIX}*"]},
                "ForAnyValue:StringNotLike": {_LEADING: [f"{own_access_items(_USER_ID, _PRINCIPAL)}*"]},
                "StringNotEquals": {"aws:PrincipalArn": control_plane_role_arn},
            }
        ),
    )


def add(
    template: Template, cluster_id: ClusterId, path: RolePath, table_arn: TableArn, key_arn: KeyArn
) -> dict[AccessGroup, PolicyArn]:
    """The managed policies, by their groups. They are attached to nobody."""
    return {group: _policy(template, group, cluster_id, path, table_arn, key_arn) for group in AccessGroup}


def _policy(
    template: Template,
    group: AccessGroup,
    cluster_id: ClusterId,
    path: RolePath,
    table_arn: TableArn,
    key_arn: KeyArn,
) -> PolicyArn:
    own = [access_item(_USER_ID, _PRINCIPAL, each, "*") for each in group.within]
    statements = [
        _allow("AskForAccess", (dynamodb.GetItem, dynamodb.PutItem), [table_arn], _keys(*own)),
        # What `make status` reads. No row holds a secret.
        _allow("SeeRows", (dynamodb.Scan,), [table_arn]),
        _allow("UseKey", (kms.Decrypt, kms.DescribeKey, kms.Encrypt, kms.GenerateDataKey), [key_arn], via("dynamodb")),
        _allow("SeeStacks", _STACKS, _stacks(cluster_id)),
        _allow("SeeGroups", _GROUPS, ["*"]),
    ]
    if group is AccessGroup.ADMIN:
        approvals = _keys(f"{APPROVAL_ITEM_PREFIX}*")
        statements.append(_allow("Approve", (dynamodb.DeleteItem, dynamodb.PutItem), [table_arn], approvals))
    made = template.add_resource(
        ManagedPolicy(
            f"{logical_id(group)}OperatorPolicy",
            Description=f"Asks for a certificate of the group {group.kubernetes_group}, which {_WHAT[group]}",
            Path=path,
            PolicyDocument=policy_dict(statements),
            Metadata={"Reasons": _REASONS},
        )
    )
    return PolicyArn(Ref(made))


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
