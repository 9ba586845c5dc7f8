"""What each role may do, declared once as data.

A layer renders the grants on the resources that it owns (`attach`); the list of VPC endpoints and their policies is
derived from the same data, so an action that a node may call and cannot reach does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from awacs import (
    autoscaling,
    cloudformation,
    dynamodb,
    ec2,
    ecr,
    elasticloadbalancing,
    kms,
    logs,
    s3,
    sqs,
    ssm,
    ssmmessages,
    sts,
)
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
    StringLike,
    StringNotEquals,
)
from troposphere import Sub, Template, encode_to_dict
from troposphere.iam import RolePolicy

from coordination.names import (
    APPROVAL_ITEM_PREFIX,
    CLUSTER_ITEM,
    CLUSTER_TAG,
    CONTROL_PLANE_ROLE,
    ROLE_TAG,
    boot_item,
)
from generator.values import ClusterUuid, RoleName, VpcId


class Role(Enum):
    """Who is allowed; the value is the CamelCase part of logical ids."""

    CONTROL_PLANE = "ControlPlane"
    WORKER = "Worker"
    FUNCTION = "Function"
    AUTOSCALER = "Autoscaler"


NODE_ROLES = (Role.CONTROL_PLANE, Role.WORKER)
"""Those of instance profiles."""
IN_VPC = (*NODE_ROLES, Role.AUTOSCALER)
"""Those whose calls come from nodes."""


class On(Enum):
    """What a grant is on; the layer that owns it says its ARNs."""

    KEY = "key"
    REPOSITORIES = "repositories"
    TABLE = "table"
    ACCESS_TABLE = "access table"
    STREAM = "stream"
    BUCKET = "bucket"
    BUCKET_OBJECTS = "bucket objects"
    PARAMETERS = "parameters"
    JOIN_PARAMETERS = "parameters that workers read"
    CONTROL_PLANE_LOGS = "control-plane logs"
    WORKER_LOGS = "worker logs"
    FUNCTION_LOGS = "function logs"
    SESSION_KEY = "key, in sessions"
    SESSION_LOGS = "session logs"
    QUEUE = "queue"
    GROUPS = "groups"
    AUTOSCALER_ROLE = "the autoscaler's role"
    ROOT_STACK = "root stack"
    OWN_STACK = "own stack"
    POOL_STACKS = "stacks of the pools"
    API_TARGETS = "targets of the API"
    ANY = "*"


@dataclass(frozen=True)
class Grant:
    """Actions that a role may take on one kind of resource.

    `reason` is required where the resource is `*`, and where a node's grant is not confined to the cluster's VPC.
    """

    role: Role
    sid: str
    actions: tuple[Action, ...]
    on: On
    reason: str = ""
    confined: bool = True
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # The resource must carry the cluster's tag.
    tagged: bool = False
    # Granted with `access.ssm` only.
    sessions: bool = False


# `kms` condition: the service that calls the key on the role's behalf.
_VIA_SERVICE = "kms:ViaService"
_OWN_BOOT_ROW = boot_item("${ec2:SourceInstanceARN}")
_NO_RESOURCE_LEVEL = "the service knows no resource level for these actions"
_ON_BEHALF = "a service calls the key on the node's behalf, from outside the VPC, and carries no source VPC"


def via(*services: str) -> dict[str, dict[str, Any]]:
    """The condition that a key is used only through `services` in the stack's own region."""
    return {
        "StringEquals": {_VIA_SERVICE: [Sub(f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}") for service in services]}
    }


# Whose data keys: the program of whoever starts a session asks the key for one, and the agent on the node decrypts it;
# both call KMS themselves, with this context (amazon-ssm-agent, agent/session/crypto/blockcipher.go). Nothing else that
# is encrypted with the key has it.
IN_A_SESSION: Mapping[str, Mapping[str, Any]] = {
    "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["aws:ssm:SessionId", "aws:ssm:TargetId"]},
    # ForAllValues is true for a request without a context.
    "StringLike": {"kms:EncryptionContext:aws:ssm:TargetId": "i-*"},
}

# An approval is a person's word: no role writes one. ForAllValues is true for a request without keys, but
# nothing writes an item without one.
_NO_APPROVALS: Mapping[str, Mapping[str, Any]] = {
    "ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": [f"{APPROVAL_ITEM_PREFIX}*"]},
    "Null": {"dynamodb:LeadingKeys": "false"},
}

# What no layer owns. A group's ARN holds a random part, so groups are told apart by the cluster's tag.
GROUPS = Sub(
    "arn:${AWS::Partition}:autoscaling:${AWS::Region}:${AWS::AccountId}:autoScalingGroup:*:autoScalingGroupName/*"
)

_KEY_READ = (kms.Decrypt, kms.DescribeKey)
_KEY_USE = (*_KEY_READ, kms.Encrypt, kms.GenerateDataKey, kms.ReEncryptFrom, kms.ReEncryptTo)
_LOG_WRITE = (logs.CreateLogStream, logs.PutLogEvents)
_IMAGE_PULL = (ecr.BatchCheckLayerAvailability, ecr.BatchGetImage, ecr.GetDownloadUrlForLayer)
_HOOK = (autoscaling.CompleteLifecycleAction, autoscaling.RecordLifecycleActionHeartbeat)


def _sessions(role: Role) -> tuple[Grant, ...]:
    """What the agent of Session Manager calls on a node.

    Of AmazonSSMManagedInstanceCore the part without which there is no session (Systems Manager guide, "Create an IAM
    role with permissions for Session Manager and Amazon S3 and CloudWatch Logs"): no documents, parameters, inventory.
    And nothing of ec2messages, which agents from 3.3.40.0 on do not need ("Reference: ec2messages, ssmmessages, and
    other API operations").
    """
    return (
        Grant(
            role,
            "ServeSessions",
            (
                logs.DescribeLogGroups,
                ssm.UpdateInstanceInformation,
                ssmmessages.CreateControlChannel,
                ssmmessages.CreateDataChannel,
                ssmmessages.OpenControlChannel,
                ssmmessages.OpenDataChannel,
            ),
            On.ANY,
            "channels and lists of log groups have no resource level, and no policy can name the instance that calls",
            sessions=True,
        ),
        # One group for both kinds of nodes, as a session has one document. Root on a node writes into any stream of it.
        Grant(role, "LogSessions", (*_LOG_WRITE, logs.DescribeLogStreams), On.SESSION_LOGS, sessions=True),
        Grant(role, "DecryptSessions", (kms.Decrypt,), On.SESSION_KEY, conditions=IN_A_SESSION, sessions=True),
    )


GRANTS: tuple[Grant, ...] = (
    # control plane: key, images
    Grant(Role.CONTROL_PLANE, "UseKey", _KEY_USE, On.KEY, _ON_BEHALF, False, via("dynamodb", "s3", "ssm")),
    Grant(Role.CONTROL_PLANE, "PullImages", _IMAGE_PULL, On.REPOSITORIES),
    Grant(Role.CONTROL_PLANE, "RegistryLogin", (ecr.GetAuthorizationToken,), On.ANY, _NO_RESOURCE_LEVEL),
    # control plane: the cluster table and the backups
    Grant(
        Role.CONTROL_PLANE,
        "Coordinate",
        (dynamodb.ConditionCheckItem, dynamodb.GetItem, dynamodb.Scan),
        On.TABLE,
    ),
    Grant(
        Role.CONTROL_PLANE,
        "WriteRows",
        (dynamodb.DeleteItem, dynamodb.PutItem, dynamodb.UpdateItem),
        On.TABLE,
        conditions=_NO_APPROVALS,
    ),
    Grant(
        Role.CONTROL_PLANE,
        "AnswerPeople",
        (dynamodb.DeleteItem, dynamodb.GetItem, dynamodb.PutItem, dynamodb.Scan),
        On.ACCESS_TABLE,
    ),
    Grant(Role.CONTROL_PLANE, "ListBackups", (s3.ListBucket,), On.BUCKET),
    Grant(Role.CONTROL_PLANE, "WriteBackups", (s3.AbortMultipartUpload, s3.GetObject, s3.PutObject), On.BUCKET_OBJECTS),
    # control plane: settings, secrets, logs
    Grant(
        Role.CONTROL_PLANE,
        "KeepSecrets",
        (ssm.GetParameter, ssm.GetParameters, ssm.GetParametersByPath, ssm.PutParameter),
        On.PARAMETERS,
    ),
    Grant(Role.CONTROL_PLANE, "WriteLogs", _LOG_WRITE, On.CONTROL_PLANE_LOGS),
    # control plane: itself and the other members
    Grant(
        Role.CONTROL_PLANE,
        "SeeInstances",
        (
            autoscaling.DescribeAutoScalingGroups,
            autoscaling.DescribeAutoScalingInstances,
            ec2.DescribeInstances,
        ),
        On.ANY,
        "describing has no resource level",
    ),
    Grant(Role.CONTROL_PLANE, "AnswerLaunchHook", _HOOK, On.GROUPS, tagged=True),
    Grant(Role.CONTROL_PLANE, "SignalStack", (cloudformation.SignalResource,), On.OWN_STACK),
    # Not the workers: IAM cannot tell the pools' workers apart, so each could fake or fail the update of every pool.
    Grant(Role.CONTROL_PLANE, "SignalPools", (cloudformation.SignalResource,), On.POOL_STACKS),
    # The agent hands the credentials over (docs/decisions/0019).
    Grant(Role.CONTROL_PLANE, "AssumeAutoscalersRole", (sts.AssumeRole,), On.AUTOSCALER_ROLE),
    # the cluster-autoscaler, which is somebody else's program
    Grant(
        Role.AUTOSCALER,
        "SeePools",
        (
            autoscaling.DescribeAutoScalingGroups,
            autoscaling.DescribeAutoScalingInstances,
            autoscaling.DescribeLaunchConfigurations,
            autoscaling.DescribeScalingActivities,
            autoscaling.DescribeTags,
            ec2.DescribeImages,
            ec2.DescribeInstanceTypes,
            ec2.DescribeLaunchTemplateVersions,
            ec2.GetInstanceTypesFromInstanceRequirements,
        ),
        On.ANY,
        "describing has no resource level; its documentation names these",
    ),
    Grant(
        Role.AUTOSCALER,
        "ScaleWorkers",
        (autoscaling.SetDesiredCapacity, autoscaling.TerminateInstanceInAutoScalingGroup),
        On.GROUPS,
        # Only worker groups carry this tag, so the autoscaler can never shrink the control plane.
        conditions={"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true"}},
        tagged=True,
    ),
    # workers
    Grant(Role.WORKER, "ReadThroughKey", _KEY_READ, On.KEY, _ON_BEHALF, False, via("dynamodb", "ssm")),
    # DynamoDB encrypts the row that a worker writes with the same key.
    Grant(
        Role.WORKER,
        "WriteThroughKey",
        (kms.Encrypt, kms.GenerateDataKey),
        On.KEY,
        _ON_BEHALF,
        False,
        via("dynamodb"),
    ),
    Grant(Role.WORKER, "PullImages", _IMAGE_PULL, On.REPOSITORIES),
    Grant(Role.WORKER, "RegistryLogin", (ecr.GetAuthorizationToken,), On.ANY, _NO_RESOURCE_LEVEL),
    Grant(
        Role.WORKER,
        "ReadCluster",
        (dynamodb.GetItem,),
        On.TABLE,
        # Its own row, too: after a write of which no answer came a worker reads what is stored now.
        conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CLUSTER_ITEM, _OWN_BOOT_ROW]}},
    ),
    Grant(
        Role.WORKER,
        "WriteOwnBootRow",
        (dynamodb.UpdateItem,),
        On.TABLE,
        conditions={
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [_OWN_BOOT_ROW]},
            # ForAllValues is true for a request without keys; this action cannot be called without one.
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    ),
    Grant(
        Role.WORKER,
        "ReadSettings",
        (ssm.GetParameter, ssm.GetParametersByPath),
        On.JOIN_PARAMETERS,
    ),
    # A group of their own: IAM cannot tell streams of it apart by instance, so each worker writes those of all workers.
    Grant(Role.WORKER, "WriteLogs", _LOG_WRITE, On.WORKER_LOGS),
    # function
    Grant(Role.FUNCTION, "UseKey", _KEY_USE, On.KEY, conditions=via("dynamodb", "lambda", "sqs")),
    Grant(
        Role.FUNCTION,
        "Coordinate",
        (
            dynamodb.ConditionCheckItem,
            dynamodb.DeleteItem,
            dynamodb.DescribeTable,
            dynamodb.GetItem,
            dynamodb.Scan,
            dynamodb.UpdateTable,
        ),
        On.TABLE,
    ),
    Grant(Role.FUNCTION, "WriteRows", (dynamodb.PutItem, dynamodb.UpdateItem), On.TABLE, conditions=_NO_APPROVALS),
    Grant(
        Role.FUNCTION,
        "ReadStream",
        (dynamodb.DescribeStream, dynamodb.GetRecords, dynamodb.GetShardIterator),
        On.STREAM,
    ),
    Grant(Role.FUNCTION, "ListStreams", (dynamodb.ListStreams,), On.ANY, "Lambda lists streams before it reads one"),
    Grant(Role.FUNCTION, "WriteLogs", (logs.CreateLogStream, logs.PutLogEvents), On.FUNCTION_LOGS),
    Grant(Role.FUNCTION, "ReportFailure", (sqs.SendMessage,), On.QUEUE),
    Grant(
        Role.FUNCTION,
        "SeeInstances",
        (autoscaling.DescribeAutoScalingGroups, autoscaling.DescribeScalingActivities, ec2.DescribeInstances),
        On.ANY,
        "describing has no resource level",
    ),
    Grant(Role.FUNCTION, "AnswerHooks", _HOOK, On.GROUPS, tagged=True),
    # Not UpdateAutoScalingGroup, which could exchange the launch template as well.
    Grant(
        Role.FUNCTION,
        "StartSlots",
        (autoscaling.SetDesiredCapacity,),
        On.GROUPS,
        conditions={"StringEquals": {f"aws:ResourceTag/{ROLE_TAG}": CONTROL_PLANE_ROLE}},
        tagged=True,
    ),
    # What an update has suspended that was stopped. Nothing here suspends.
    Grant(Role.FUNCTION, "ResumeProcesses", (autoscaling.ResumeProcesses,), On.GROUPS, tagged=True),
    # Protection against termination by the EC2 API does not bind Auto Scaling.
    Grant(
        Role.FUNCTION,
        "EndInstances",
        (autoscaling.TerminateInstanceInAutoScalingGroup,),
        On.GROUPS,
        tagged=True,
    ),
    # Where every control plane terminates at once, one that is held has to be reached by those that replace them.
    Grant(
        Role.FUNCTION,
        "KeepServing",
        (elasticloadbalancing.DeregisterTargets, elasticloadbalancing.RegisterTargets),
        On.API_TARGETS,
    ),
    Grant(Role.FUNCTION, "SeeRootStack", (cloudformation.DescribeStacks,), On.ROOT_STACK),
    # Which slot an update rolls.
    Grant(Role.FUNCTION, "SeeSlots", (cloudformation.DescribeStackResources,), On.OWN_STACK),
    # shells on nodes
    *_sessions(Role.CONTROL_PLANE),
    *_sessions(Role.WORKER),
)


def repositories(patterns: Sequence[str]) -> dict[On, list[Sub]]:
    """The repositories of the account's ECR, by their names or by what these begin with (`team/*`); nothing where there
    is none, for a statement has to be about something."""
    own = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository"
    return {On.REPOSITORIES: [Sub(f"{own}/{pattern}") for pattern in patterns]} if patterns else {}


def attach(
    template: Template,
    owner: str,
    role: Role,
    role_name: RoleName,
    resources: Mapping[On, Sequence[Any]],
    *,
    cluster_uuid: ClusterUuid | None = None,
    vpc_id: VpcId | None = None,
    central_endpoints: bool = False,
    sessions: bool = False,
) -> RolePolicy:
    """Add the policy that gives `role` its grants on `resources`, which the layer `owner` names; with `sessions` those
    too that Session Manager needs.

    `vpc_id` confines a node's credentials to instances in that VPC, to the address of the instance that has them and,
    unless the endpoints are central ones in another VPC, to calls that come from it. The autoscaler's are confined to
    such calls alone: of an instance they say nothing. Raises ValueError where nothing is granted, or where a grant
    needs the cluster's uuid or the VPC and it is not given.
    """
    grants = [grant for grant in _granted(sessions) if grant.role is role and grant.on in resources]
    if not grants:
        raise ValueError(f"{owner}: nothing is granted to {role.value} on {[on.value for on in resources]}")
    statements = [
        Statement(
            Sid=grant.sid,
            Effect=Allow,
            Action=sorted(grant.actions, key=_name),
            Resource=list(resources[grant.on]),
            **_condition(grant, cluster_uuid, vpc_id, central_endpoints),
        )
        for grant in grants
    ]
    # Where an auditor reads them, beside what they are about.
    reasons = {grant.sid: grant.reason for grant in grants if grant.reason}
    metadata: dict[str, Any] = {"Metadata": {"Reasons": reasons}} if reasons else {}
    return template.add_resource(
        RolePolicy(
            f"{role.value}Policy",
            PolicyName=owner,
            RoleName=role_name,
            PolicyDocument=policy_dict(statements),
            **metadata,
        )
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
    "StringLike": StringLike,
    "StringNotEquals": StringNotEquals,
}


def condition(operators: Mapping[str, Mapping[str, Any]]) -> Condition:
    """`{"StringEquals": {key: value}}` as awacs wants it."""
    return Condition([_OPERATORS[operator](dict(keys)) for operator, keys in operators.items()])


def policy_dict(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document as the plain dict that the properties take which know no awacs objects."""
    document: dict[str, Any] = encode_to_dict(PolicyDocument(Version="2012-10-17", Statement=list(statements)))
    return document


def called_actions(*, sessions: bool) -> dict[str, list[str]]:
    """Service prefix -> the actions that nodes call on it, sorted; what the endpoints are derived from.

    Not what a service calls on a node's behalf, which is what is not confined: it calls from its side of the network.
    """
    called: dict[str, set[str]] = {}
    for grant in _granted(sessions):
        if grant.role in IN_VPC and grant.confined:
            for action in grant.actions:
                called.setdefault(action.prefix, set()).add(_name(action))
    return {service: sorted(actions) for service, actions in sorted(called.items())}


def _granted(sessions: bool) -> list[Grant]:
    return [grant for grant in GRANTS if sessions or not grant.sessions]


def _condition(
    grant: Grant, cluster_uuid: ClusterUuid | None, vpc_id: VpcId | None, central_endpoints: bool
) -> dict[str, Any]:
    """The statement's Condition as keyword argument; empty where the grant has none."""
    merged: dict[str, dict[str, Any]] = {operator: dict(keys) for operator, keys in grant.conditions.items()}
    if grant.tagged:
        if cluster_uuid is None:
            raise ValueError(f"{grant.sid}: a grant by tag needs the cluster's uuid")
        merged.setdefault("StringEquals", {})[f"aws:ResourceTag/{CLUSTER_TAG}"] = cluster_uuid
    if grant.confined and grant.role in IN_VPC and vpc_id is None:
        raise ValueError(f"{grant.sid}: a node's grant needs the VPC that it is confined to")
    if grant.confined and grant.role is Role.AUTOSCALER and not central_endpoints:
        merged.setdefault("StringEquals", {})["aws:SourceVpc"] = vpc_id
    if grant.confined and grant.role in NODE_ROLES:
        own = merged.setdefault("StringEquals", {})
        # Stolen credentials are of no use on another machine of the VPC: endpoints, central ones too, say which address
        # a call came from.
        own["aws:EC2InstanceSourcePrivateIPv4"] = "${aws:VpcSourceIp}"
        if not central_endpoints:
            own["aws:SourceVpc"] = vpc_id
        own["aws:EC2InstanceSourceVPC"] = vpc_id
    return {"Condition": condition(merged)} if merged else {}


def _name(action: Action) -> str:
    """`service:Action`."""
    return str(action.JSONrepr())
