"""Where the actions of whoever deploys are allowed: by names, tags and conditions.

The same narrows the policies of people (docs/deployer-policy) and of the launch role of the Service Catalog product:
`Names` says what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordination.names import CLUSTER_TAG, IN_USE_TAG, image_parameter

BUCKET = "my-templates"
"""A word that whoever uses the policies replaces by his own."""
CLOUDFORMATION = "cloudformation.amazonaws.com"
BY_CLOUDFORMATION: Mapping[str, Any] = {"ForAnyValue:StringEquals": {"aws:CalledVia": [CLOUDFORMATION]}}
"""CloudFormation acts by forward access sessions, which carry this key (CloudFormation guide, "Forward access sessions
(FAS) requests and permission evaluation"; IAM guide, "aws:CalledVia")."""
_BY_A_SERVICE = {"Bool": {"aws:ViaAWSService": "true"}}
_OF_A_CLUSTER = {"Null": {f"aws:ResourceTag/{CLUSTER_TAG}": "false"}}

_READING = ("*:Describe*", "*:Get*", "*:List*")
_USES_OF_KEYS = ("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


@dataclass(frozen=True)
class Scope:
    """Where actions are allowed: those that match one of the patterns, and no scope before it."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Names:
    """What a policy calls the account's things. The defaults are words that whoever uses the policies replaces by their
    own: README, step 0."""

    partition: str = "aws"
    region: str = "*"
    account: str = "*"
    stack: str = "my-cluster"
    stacks: tuple[str, ...] = ("stack/my-cluster/*", "stack/my-cluster-*/*")
    """The root stack and those that it nests."""
    bucket_prefix: str = "my-cluster"
    """What the names of the cluster's buckets begin with, in small letters."""
    templates: str = f"arn:aws:s3:::{BUCKET}/*"
    """What was packaged."""
    role_path: str = "/holdfast/"
    passed_to: tuple[str, ...] = ("ec2.amazonaws.com", "lambda.amazonaws.com", "vpc-flow-logs.amazonaws.com")
    """The services that get roles."""
    boundary: str = ""
    """ARN of the managed policy that every role has to have as its boundary; empty where none has to."""

    def own(self, service: str, *resources: str) -> tuple[str, ...]:
        """ARNs of this account."""
        return tuple(
            f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}" for resource in resources
        )

    def iam(self, kind: str) -> str:
        """Everything of IAM's below the path."""
        return f"arn:{self.partition}:iam::{self.account}:{kind}{self.role_path}*"

    @property
    def buckets(self) -> tuple[str, ...]:
        """The cluster's buckets; S3's ARNs have no account."""
        return (f"arn:{self.partition}:s3:::{self.bucket_prefix}-*",)

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions, and what calls them."""
        return self.own("lambda", f"function:{self.stack}-*", "event-source-mapping:*")

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarms, and dashboards, which are of no region."""
        dashboards = f"arn:{self.partition}:cloudwatch::{self.account}:dashboard/holdfast-*"
        return (*self.own("cloudwatch", f"alarm:{self.stack}-*"), dashboards)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Parameters and documents of Systems Manager."""
        return self.own("ssm", "parameter/holdfast/*", f"document/{self.stack}-*")


def common(names: Names) -> tuple[Scope, ...]:
    """For the commands and CloudFormation alike."""
    image_ids = names.own("ssm", f"parameter{image_parameter('*')}")
    return (
        Scope("Templates", ("s3:GetObject*", "s3:PutObject"), (names.templates,)),
        Scope(
            "SeeStacks", ("cloudformation:List*", "cloudformation:GetTemplateSummary", "cloudformation:DescribeStacks")
        ),
        Scope("Stacks", ("cloudformation:*",), names.own("cloudformation", *names.stacks)),
        Scope("SeeMappings", ("lambda:GetEventSourceMapping",)),
        Scope("SeeFunctions", ("lambda:Get*", "lambda:List*"), names.functions),
        Scope("SeeBuckets", ("s3:Get*", "s3:List*"), names.buckets),
        Scope("SeeParameters", ("ssm:Get*", "ssm:List*", "ssm:Describe*"), (*names.parameters, *image_ids)),
        Scope("See", _READING),
    )


def by_caller(names: Names) -> tuple[Scope, ...]:
    """For what commands call themselves."""
    return (
        *common(names),
        Scope("AskFunction", ("lambda:*",), names.functions),
        Scope(
            "MarkImages",
            ("ec2:CreateTags",),
            (f"arn:{names.partition}:ec2:{names.region}::image/*",),
            {"ForAllValues:StringEquals": {"aws:TagKeys": [IN_USE_TAG]}},
        ),
        Scope("DetachPolicies", ("iam:Detach*",), condition={"ArnLike": {"iam:PolicyARN": names.iam("policy")}}),
        Scope("PurgeBucket", ("s3:Delete*",), (*names.buckets, *(f"{bucket}/*" for bucket in names.buckets))),
        Scope("PurgeTable", ("dynamodb:*",), names.own("dynamodb", f"table/{names.stack}-*")),
        Scope("PurgeLogs", ("logs:*",), names.own("logs", f"log-group:{names.stack}-*")),
        Scope("PurgeParameters", ("ssm:*",), names.parameters),
        Scope("PurgeVolumes", ("ec2:DeleteVolume",), names.own("ec2", "volume/*"), _OF_A_CLUSTER),
        Scope("PurgeKey", ("kms:*",), condition=_OF_A_CLUSTER),
    )


def by_cloudformation(names: Names) -> tuple[Scope, ...]:
    """For what CloudFormation does with the rights of whoever has called it."""
    groups = names.own("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{names.stack}-*")
    log_groups = names.own("logs", f"log-group:{names.stack}-*")
    aliases = names.own("kms", "alias/holdfast-*", "key/*")
    via = BY_CLOUDFORMATION
    return (
        *common(names),
        # Auto Scaling asks whether its caller might launch what a group would.
        Scope("CheckLaunches", ("ec2:RunInstances",), condition=_BY_A_SERVICE),
        Scope(
            "PassRoles",
            ("iam:PassRole",),
            (names.iam("role"),),
            {"StringEquals": {"iam:PassedToService": list(names.passed_to)}},
        ),
        *_bounded(names),
        Scope("Identities", ("iam:*",), tuple(map(names.iam, ("role", "instance-profile", "policy"))), via),
        Scope("Mappings", ("lambda:*EventSourceMapping",), condition=via),
        Scope("Functions", ("lambda:*",), names.functions, via),
        Scope("Tables", ("dynamodb:*",), names.own("dynamodb", f"table/{names.stack}-*"), via),
        Scope("Buckets", ("s3:*",), names.buckets, via),
        Scope("Queues", ("sqs:*",), names.own("sqs", f"{names.stack}-*"), via),
        Scope("Rules", ("events:*",), names.own("events", "rule/holdfast-*"), via),
        Scope("Alarms", ("cloudwatch:*",), names.alarms, via),
        Scope("Parameters", ("ssm:*",), names.parameters, via),
        Scope("Groups", ("autoscaling:*",), groups, via),
        Scope("LogGroups", ("logs:*LogGroup", "logs:*Retention*", "logs:*KmsKey"), log_groups, via),
        Scope("Aliases", ("kms:*Alias",), aliases, via),
        Scope("UseKey", _USES_OF_KEYS, condition={**via, **_OF_A_CLUSTER}),
        # Their ids are not known before they are there, and their names are shortened.
        Scope("Network", ("ec2:*", "elasticloadbalancing:*"), condition=via),
        Scope("Rest", ("*:*",), condition=via),
    )


def _bounded(names: Names) -> tuple[Scope, ...]:
    """Where a boundary is asked for: what gives a role rights, on a role that has it, and policies of people alone."""
    if not names.boundary:
        return ()
    bounded = {**BY_CLOUDFORMATION, "StringEquals": {"iam:PermissionsBoundary": names.boundary}}
    detached = {**BY_CLOUDFORMATION, "ArnLike": {"iam:PolicyARN": names.iam("policy")}}
    return (
        Scope(
            "BoundedRoles",
            ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"),
            (names.iam("role"),),
            bounded,
        ),
        # Of users, groups and roles that anybody has attached them to.
        Scope("DetachPolicies", ("iam:Detach*",), condition=detached),
    )
