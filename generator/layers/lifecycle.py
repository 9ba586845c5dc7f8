"""The lifecycle layer: the reconcile function and everything that wakes it.

It is woken by terminating hooks, by changes of the cluster table, by a schedule and by the Teardown resource of the
root; every time it looks at the whole state, so a lost event costs a minute, not a cluster.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from awacs import sqs
from awacs.aws import Allow, Principal, Statement
from troposphere import GetAtt, Ref, Sub, Template
from troposphere.awslambda import (
    DestinationConfig,
    Environment,
    EventInvokeConfig,
    EventSourceMapping,
    Filter,
    FilterCriteria,
    Function,
    LoggingConfig,
    OnFailure,
    Permission,
    VPCConfig,
)
from troposphere.events import DeadLetterConfig, RetryPolicy, Rule, Target
from troposphere.iam import RolePolicy
from troposphere.logs import LogGroup
from troposphere.sqs import Queue, QueuePolicy

from coordination.names import (
    APPROVAL_ITEM_PREFIX,
    CLUSTER_ITEM,
    DRAIN_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OPERATION_ITEM,
    RELEASE_GRANT_ITEM_PREFIX,
    REPLACEMENT_ITEM_PREFIX,
    TABLE_KEY,
    FunctionVariable,
    terminating_hook,
)
from generator.config.model import ClusterConfig
from generator.grant import On, Role
from generator.layer import Layer
from generator.partition import service_principal
from generator.policies import GROUPS, attach, condition, policy_dict
from generator.values import (
    ClusterId,
    ClusterUuid,
    FunctionArn,
    FunctionName,
    KeyArn,
    Number,
    RoleArn,
    RoleName,
    SecurityGroupId,
    StreamArn,
    SubnetIds,
    TableArn,
    TableName,
    TargetGroupArn,
)

# The entry point in the zip, and the zip as seen from the folder of the templates.
_HANDLER = "functions.reconcile.handler.handle"
_BUNDLE = "../build/reconcile.zip"
TIMEOUT_SECONDS = 60
# Lambda and EventBridge keep trying for an hour; by then the schedule has looked sixty times.
_MAX_EVENT_AGE_SECONDS = 3600
_RETRIES = 2
_QUEUE_RETENTION_SECONDS = 14 * 24 * 3600
# Items whose change is news for the function. Its own lease, conditions and teardown note are not, or it would wake
# itself for ever.
_NEWS = [
    CLUSTER_ITEM,
    OPERATION_ITEM,
    {"prefix": MEMBER_ITEM_PREFIX},
    {"prefix": RELEASE_GRANT_ITEM_PREFIX},
    {"prefix": DRAIN_ITEM_PREFIX},
    {"prefix": APPROVAL_ITEM_PREFIX},
    {"prefix": REPLACEMENT_ITEM_PREFIX},
]


@dataclass(frozen=True)
class Inputs:
    cluster_id: ClusterId
    cluster_uuid: ClusterUuid
    function_role_name: Annotated[RoleName, "Name of the reconcile function's role"]
    function_role_arn: Annotated[RoleArn, "ARN of the reconcile function's role"]
    key_arn: KeyArn
    table_name: TableName
    table_arn: TableArn
    table_stream_arn: StreamArn
    api_target_group_arn: TargetGroupArn
    log_retention_days: Annotated[Number, "Retention of the reconcile function's logs in days"]
    # where the function is in the VPC
    subnet_ids: Annotated[SubnetIds | None, "IDs of the subnets of the reconcile function, one per zone"] = None
    security_group_id: Annotated[SecurityGroupId | None, "ID of the security group of the reconcile function"] = None


@dataclass(frozen=True)
class Outputs:
    function_arn: FunctionArn
    # where alarms or a dashboard show it
    function_name: FunctionName | None = None


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    queue = template.add_resource(
        Queue(
            "FailureQueue",
            KmsMasterKeyId=inputs.key_arn,
            MessageRetentionPeriod=_QUEUE_RETENTION_SECONDS,
        )
    )
    log_group = template.add_resource(
        LogGroup("FunctionLogGroup", KmsKeyId=inputs.key_arn, RetentionInDays=inputs.log_retention_days)
    )
    policy = attach(
        template,
        config,
        LIFECYCLE.name,
        Role.FUNCTION,
        inputs.function_role_name,
        {
            On.TABLE: [inputs.table_arn],
            On.STREAM: [inputs.table_stream_arn],
            On.QUEUE: [GetAtt(queue, "Arn")],
            On.FUNCTION_LOGS: [GetAtt(log_group, "Arn")],
            On.GROUPS: [GROUPS],
            On.API_TARGETS: [inputs.api_target_group_arn],
            On.ROOT_STACK: [inputs.cluster_id],
            On.ANY: ["*"],
        },
        cluster_uuid=inputs.cluster_uuid,
    )
    function = template.add_resource(_function(inputs, log_group, policy))
    template.add_resource(
        EventInvokeConfig(
            "FunctionInvocations",
            FunctionName=Ref(function),
            Qualifier="$LATEST",
            MaximumRetryAttempts=_RETRIES,
            MaximumEventAgeInSeconds=_MAX_EVENT_AGE_SECONDS,
            DestinationConfig=DestinationConfig(OnFailure=OnFailure(Destination=GetAtt(queue, "Arn"))),
        )
    )

    terminating = {
        "source": ["aws.autoscaling"],
        "detail-type": ["EC2 Instance-terminate Lifecycle Action"],
        # By the hook's name, which holds the cluster's uuid: the groups do not exist yet when this rule is made.
        "detail": {"LifecycleHookName": [Sub(terminating_hook("${ClusterUuid}"))]},
    }
    events = service_principal(config.partition, "events")
    rules = [
        _rule(template, "TerminatingRule", "terminating", function, queue, events, EventPattern=terminating),
        _rule(template, "Schedule", "schedule", function, queue, events, ScheduleExpression="rate(1 minute)"),
    ]
    _allow_undeliverable(template, queue, rules, events)
    template.add_resource(
        EventSourceMapping(
            "TableStream",
            EventSourceArn=inputs.table_stream_arn,
            FunctionName=Ref(function),
            StartingPosition="LATEST",
            BatchSize=100,
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=_RETRIES,
            MaximumRecordAgeInSeconds=_MAX_EVENT_AGE_SECONDS,
            FilterCriteria=FilterCriteria(Filters=[Filter(Pattern=_stream_pattern())]),
            DestinationConfig=DestinationConfig(OnFailure=OnFailure(Destination=GetAtt(queue, "Arn"))),
            DependsOn=[policy.title],
        )
    )
    return Outputs(
        function_arn=FunctionArn(GetAtt(function, "Arn")),
        function_name=FunctionName(Ref(function)) if config.monitoring.any else None,
    )


LIFECYCLE = Layer("lifecycle", Inputs, Outputs, build)


class _BundledFunction(Function):
    """A function whose Code is the path of a zip; `aws cloudformation package` puts the bucket and key there."""

    props = {**Function.props, "Code": (str, True)}


def _function(inputs: Inputs, log_group: LogGroup, policy: RolePolicy) -> Function:
    place: dict[str, Any] = {}
    if inputs.subnet_ids is not None:
        place["VpcConfig"] = VPCConfig(SubnetIds=inputs.subnet_ids, SecurityGroupIds=[inputs.security_group_id])
    return _BundledFunction(
        "Reconcile",
        Description="Decides what happens to terminating instances of the cluster",
        Code=_BUNDLE,
        Handler=_HANDLER,
        Runtime="python3.13",
        Role=inputs.function_role_arn,
        Timeout=TIMEOUT_SECONDS,
        MemorySize=256,
        # No reserved concurrency: small accounts refuse it, and a lease in the table serialises the function anyway.
        Environment=Environment(
            Variables={
                FunctionVariable.CLUSTER_ID: inputs.cluster_id,
                FunctionVariable.CLUSTER_UUID: inputs.cluster_uuid,
                FunctionVariable.TABLE: inputs.table_name,
                FunctionVariable.TIMEOUT_SECONDS: str(TIMEOUT_SECONDS),
            }
        ),
        KmsKeyArn=inputs.key_arn,
        LoggingConfig=LoggingConfig(LogGroup=Ref(log_group)),
        DependsOn=[policy.title],
        **place,
    )


def _rule(
    template: Template, name: str, what: str, function: Function, queue: Queue, events: str | Sub, **trigger: Any
) -> Rule:
    """A rule that calls the function, and the permission of the principal `events` to do so."""
    rule = template.add_resource(
        Rule(
            name,
            # With the uuid, which tells clusters apart. Another name would be another rule.
            Name=Sub(f"holdfast-${{ClusterUuid}}-{what}"),
            State="ENABLED",
            Targets=[
                Target(
                    Id="reconcile",
                    Arn=GetAtt(function, "Arn"),
                    RetryPolicy=RetryPolicy(
                        MaximumRetryAttempts=_RETRIES, MaximumEventAgeInSeconds=_MAX_EVENT_AGE_SECONDS
                    ),
                    DeadLetterConfig=DeadLetterConfig(Arn=GetAtt(queue, "Arn")),
                )
            ],
            **trigger,
        )
    )
    template.add_resource(
        Permission(
            f"{name}Permission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function),
            Principal=events,
            SourceArn=GetAtt(rule, "Arn"),
        )
    )
    return rule


def _allow_undeliverable(template: Template, queue: Queue, rules: list[Rule], events: str | Sub) -> None:
    statement = Statement(
        Sid="UndeliverableEvents",
        Effect=Allow,
        Principal=Principal("Service", [events]),
        Action=[sqs.SendMessage],
        Resource=[GetAtt(queue, "Arn")],
        Condition=condition({"ArnLike": {"aws:SourceArn": [GetAtt(rule, "Arn") for rule in rules]}}),
    )
    template.add_resource(
        QueuePolicy("FailureQueuePolicy", Queues=[Ref(queue)], PolicyDocument=policy_dict([statement]))
    )


def _stream_pattern() -> str:
    return json.dumps({"dynamodb": {"Keys": {TABLE_KEY: {"S": _NEWS}}}})
