"""Flow logs of the VPC, into an encrypted log group."""

from __future__ import annotations

from awacs import logs
from awacs.aws import Allow, Statement
from troposphere import GetAtt, Ref, Template
from troposphere.ec2 import FlowLog
from troposphere.iam import RolePolicy
from troposphere.logs import LogGroup

from generator.policies import policy_dict
from generator.values import KeyArn, Number, RoleArn, RoleName, VpcId


def add(
    template: Template, vpc_id: VpcId, role_name: RoleName, role_arn: RoleArn, key_arn: KeyArn, retention_days: Number
) -> None:
    group = template.add_resource(LogGroup("FlowLogGroup", KmsKeyId=key_arn, RetentionInDays=retention_days))
    deliver = Statement(
        Sid="DeliverFlowLogs",
        Effect=Allow,
        Action=[logs.CreateLogStream, logs.DescribeLogStreams, logs.PutLogEvents],
        Resource=[GetAtt(group, "Arn")],
    )
    policy = template.add_resource(
        RolePolicy("FlowLogPolicy", PolicyName="network", RoleName=role_name, PolicyDocument=policy_dict([deliver]))
    )
    template.add_resource(
        FlowLog(
            "FlowLog",
            ResourceType="VPC",
            ResourceId=vpc_id,
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=Ref(group),
            DeliverLogsPermissionArn=role_arn,
            MaxAggregationInterval=60,
            DependsOn=[policy.title],
        )
    )
