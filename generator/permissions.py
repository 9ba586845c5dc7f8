"""What each role may do, declared once as data; `generator/policies.py` makes policies of it."""

from __future__ import annotations

from collections.abc import Mapping
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

from coordination.names import (
    APPROVAL_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONTROL_PLANE_ROLE,
    ROLE_TAG,
    boot_item,
)
from generator.addon_permissions import EBS_CSI
from generator.grant import Grant, On, Role

_OWN_BOOT_ROW = boot_item("${ec2:SourceInstanceARN}")
_NO_RESOURCE_LEVEL = "the service knows no resource level for these actions"
_ON_BEHALF = "a service calls the key on the node's behalf, from outside the VPC, and carries no source VPC"


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

_KEY_READ = (kms.Decrypt, kms.DescribeKey)
_KEY_USE = (*_KEY_READ, kms.Encrypt, kms.GenerateDataKey, kms.ReEncryptFrom, kms.ReEncryptTo)
_LOG_WRITE = (logs.CreateLogStream, logs.PutLogEvents)
# A registry's client sends a token as its password and signs nothing (ECR guide, "Private registry authentication").
_IMAGE_PULL = (ecr.BatchCheckLayerAvailability, ecr.BatchGetImage, ecr.GetDownloadUrlForLayer)
_HOOK = (autoscaling.CompleteLifecycleAction, autoscaling.RecordLifecycleActionHeartbeat)


AGENT_CHANNELS = (
    ssm.UpdateInstanceInformation,
    ssmmessages.CreateControlChannel,
    ssmmessages.CreateDataChannel,
    ssmmessages.OpenControlChannel,
    ssmmessages.OpenDataChannel,
)
"""What an instance's Systems Manager agent calls to be reached. From 3.3.40.0 on it does without ec2messages (Systems
Manager guide, "Reference: ec2messages, ssmmessages, and other API operations")."""


def _sessions(role: Role) -> tuple[Grant, ...]:
    """What the agent of Session Manager calls on a node.

    Of AmazonSSMManagedInstanceCore the part without which there is no session (Systems Manager guide, "Create an IAM
    role with permissions for Session Manager and Amazon S3 and CloudWatch Logs"): no documents, parameters, inventory.
    """
    return (
        Grant(
            role,
            "ServeSessions",
            (logs.DescribeLogGroups, *AGENT_CHANNELS),
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
    Grant(Role.CONTROL_PLANE, "UseKey", _KEY_USE, On.KEY, _ON_BEHALF, False, via=("dynamodb", "s3", "ssm")),
    Grant(Role.CONTROL_PLANE, "PullImages", _IMAGE_PULL, On.REPOSITORIES, by_token=True),
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
    # PutParameter with tags needs it, too (Systems Manager guide, "Tagging parameters").
    Grant(Role.CONTROL_PLANE, "TagSecrets", (ssm.AddTagsToResource,), On.PARAMETERS, tags=True),
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
    Grant(Role.CONTROL_PLANE, "AssumeRolesOfAddOns", (sts.AssumeRole,), On.ADD_ON_ROLES),
    # the cluster-autoscaler, which is somebody else's program: what its source calls for groups like these. Its README
    # lists more, for other kinds of groups and older releases (docs/autoscaler.md).
    Grant(
        Role.AUTOSCALER,
        "SeePools",
        (
            autoscaling.DescribeAutoScalingGroups,
            autoscaling.DescribeScalingActivities,
            ec2.DescribeInstanceTypes,
            ec2.DescribeLaunchTemplateVersions,
        ),
        On.ANY,
        "describing has no resource level",
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
    # the EBS CSI driver, which is somebody else's program, too
    *EBS_CSI,
    # workers
    Grant(Role.WORKER, "ReadThroughKey", _KEY_READ, On.KEY, _ON_BEHALF, False, via=("dynamodb", "ssm")),
    # DynamoDB encrypts the row that a worker writes with the same key.
    Grant(
        Role.WORKER,
        "WriteThroughKey",
        (kms.Encrypt, kms.GenerateDataKey),
        On.KEY,
        _ON_BEHALF,
        False,
        via=("dynamodb",),
    ),
    Grant(Role.WORKER, "PullImages", _IMAGE_PULL, On.REPOSITORIES, by_token=True),
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
    # Called by Lambda, before, beside and after the function: what is not confined.
    Grant(
        Role.FUNCTION,
        "AttachToVpc",
        (
            ec2.AssignPrivateIpAddresses,
            ec2.CreateNetworkInterface,
            ec2.DeleteNetworkInterface,
            ec2.DescribeNetworkInterfaces,
            ec2.DescribeSubnets,
            ec2.UnassignPrivateIpAddresses,
        ),
        On.NETWORK_INTERFACES,
        "Lambda makes and removes the interfaces; its guide names these actions, and no resource or condition",
        confined=False,
        function_in_vpc=True,
    ),
    Grant(Role.FUNCTION, "UseKey", _KEY_USE, On.KEY, confined=False, via=("dynamodb", "lambda", "sqs")),
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
        confined=False,
    ),
    Grant(
        Role.FUNCTION,
        "ListStreams",
        (dynamodb.ListStreams,),
        On.ANY,
        "Lambda lists streams before it reads one",
        confined=False,
    ),
    Grant(Role.FUNCTION, "WriteLogs", _LOG_WRITE, On.FUNCTION_LOGS, confined=False),
    Grant(Role.FUNCTION, "ReportFailure", (sqs.SendMessage,), On.QUEUE, confined=False),
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
