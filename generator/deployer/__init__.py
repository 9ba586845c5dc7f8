"""The policies of whoever deploys: docs/deployer-policy/*.json, made of what the templates' resource types need.

`handlers.json` has, by resource type, the permissions of CloudFormation's handlers, from the public schemas
(`tests/templates/deployer_handlers.py` writes it). COMMANDS has what the commands behind make call themselves. Scopes
narrow both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from coordination.names import CLUSTER_TAG, IN_USE_TAG, image_parameter

HANDLERS = Path(__file__).with_name("handlers.json")
MOST_CHARACTERS = 6144
"""Of a managed policy, white space not counted (IAM guide, "IAM and AWS STS quotas")."""

# Words that whoever uses the policies replaces by their own: README, step 0.
STACK = "my-cluster"
BUCKET = "my-templates"
ROLE_PATH = "holdfast"

_CLOUDFORMATION = "cloudformation.amazonaws.com"
_BY_CLOUDFORMATION = {"ForAnyValue:StringEquals": {"aws:CalledVia": [_CLOUDFORMATION]}}
"""CloudFormation acts by forward access sessions, which carry this key (CloudFormation guide, "Forward access sessions
(FAS) requests and permission evaluation"; IAM guide, "aws:CalledVia")."""
_BY_A_SERVICE = {"Bool": {"aws:ViaAWSService": "true"}}
_OF_A_CLUSTER = {"Null": {f"aws:ResourceTag/{CLUSTER_TAG}": "false"}}

COMMANDS: Mapping[str, str] = {
    "preflight": """cloudformation:DescribeStackResource cloudformation:DescribeStacks cloudformation:GetTemplate
        cloudformation:GetTemplateSummary cloudformation:ListStackResources ec2:Describe*
        elasticloadbalancing:Describe* iam:GetPolicy iam:GetRole iam:GetUser kms:DescribeKey resource-groups:GetGroup
        resource-groups:GetGroupConfiguration resource-groups:ListGroupResources route53:GetHostedZone
        route53:ListResourceRecordSets servicequotas:ListAWSDefaultServiceQuotas servicequotas:ListServiceQuotas
        tag:GetResources""",
    "package": "cloudformation:DescribeStacks s3:GetObject s3:GetObjectVersion s3:PutObject",
    "deploy": """autoscaling:Describe* cloudformation:CreateChangeSet cloudformation:CreateStack
        cloudformation:DeleteChangeSet cloudformation:DescribeChangeSet cloudformation:DescribeStackEvents
        cloudformation:DescribeStackResource cloudformation:DescribeStacks cloudformation:ExecuteChangeSet
        cloudformation:GetTemplate cloudformation:GetTemplateSummary cloudformation:TagResource
        cloudformation:UpdateTerminationProtection ec2:CreateTags ec2:DescribeImages
        lambda:GetFunctionConfiguration lambda:InvokeFunction s3:GetObject s3:GetObjectVersion s3:PutObject
        ssm:GetParameter""",
    "rollback": "cloudformation:RollbackStack",
    "status": "autoscaling:Describe* cloudformation:DescribeStackResource cloudformation:DescribeStacks",
    "delete": """cloudformation:DeleteStack iam:DetachGroupPolicy iam:DetachRolePolicy iam:DetachUserPolicy
        iam:ListEntitiesForPolicy tag:GetResources dynamodb:DescribeTable ec2:DescribeInstances ec2:DescribeVolumes
        kms:DescribeKey logs:DescribeLogGroups s3:ListBucket ssm:GetParametersByPath""",
    "purge": """cloudformation:ListStacks dynamodb:DeleteTable dynamodb:UpdateTable ec2:DeleteVolume
        kms:ScheduleKeyDeletion logs:DeleteLogGroup s3:DeleteBucket s3:DeleteObject s3:DeleteObjectVersion
        s3:ListBucketVersions ssm:DeleteParameters""",
}
"""What each command calls itself, with the caller's credentials."""


@dataclass(frozen=True)
class Scope:
    """Where actions are allowed: those that match one of the patterns, and no scope before it."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] | None = None


def _own(service: str, *resources: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:{service}:*:*:{resource}" for resource in resources)


_READING = ("*:Describe*", "*:Get*", "*:List*")
_ROLES = f"arn:aws:iam::*:role/{ROLE_PATH}/*"
_POLICIES = f"arn:aws:iam::*:policy/{ROLE_PATH}/*"
_IDENTITIES = (_ROLES, f"arn:aws:iam::*:instance-profile/{ROLE_PATH}/*", _POLICIES)
_PASSED_TO = ["ec2.amazonaws.com", "lambda.amazonaws.com", "vpc-flow-logs.amazonaws.com"]
_STACKS = _own("cloudformation", f"stack/{STACK}/*", f"stack/{STACK}-*/*")
_FUNCTIONS = _own("lambda", f"function:{STACK}-*", "event-source-mapping:*")
_TABLES = _own("dynamodb", f"table/{STACK}-*")
_BUCKETS = (f"arn:aws:s3:::{STACK}-*",)
_LOG_GROUPS = _own("logs", f"log-group:{STACK}-*")
_PARAMETERS = _own("ssm", "parameter/holdfast/*", f"document/{STACK}-*")
_IMAGE_IDS = _own("ssm", f"parameter{image_parameter('*')}")
_GROUPS = _own("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{STACK}-*")
_USES_OF_KEYS = ("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")

# For the commands and CloudFormation alike.
_COMMON = (
    Scope("Templates", ("s3:GetObject*", "s3:PutObject"), (f"arn:aws:s3:::{BUCKET}/*",)),
    Scope("SeeStacks", ("cloudformation:List*", "cloudformation:GetTemplateSummary", "cloudformation:DescribeStacks")),
    Scope("Stacks", ("cloudformation:*",), _STACKS),
    Scope("SeeMappings", ("lambda:GetEventSourceMapping",)),
    Scope("SeeFunctions", ("lambda:Get*", "lambda:List*"), _FUNCTIONS),
    Scope("SeeBuckets", ("s3:Get*", "s3:List*"), _BUCKETS),
    Scope("SeeParameters", ("ssm:Get*", "ssm:List*", "ssm:Describe*"), (*_PARAMETERS, *_IMAGE_IDS)),
    Scope("See", _READING),
)
BY_CALLER = (
    *_COMMON,
    Scope("AskFunction", ("lambda:*",), _FUNCTIONS),
    Scope(
        "MarkImages",
        ("ec2:CreateTags",),
        ("arn:aws:ec2:*::image/*",),
        {"ForAllValues:StringEquals": {"aws:TagKeys": [IN_USE_TAG]}},
    ),
    Scope("DetachPolicies", ("iam:Detach*",), condition={"ArnLike": {"iam:PolicyARN": _POLICIES}}),
    Scope("PurgeBucket", ("s3:Delete*",), (*_BUCKETS, *(f"{bucket}/*" for bucket in _BUCKETS))),
    Scope("PurgeTable", ("dynamodb:*",), _TABLES),
    Scope("PurgeLogs", ("logs:*",), _LOG_GROUPS),
    Scope("PurgeParameters", ("ssm:*",), _PARAMETERS),
    Scope("PurgeVolumes", ("ec2:DeleteVolume",), _own("ec2", "volume/*"), _OF_A_CLUSTER),
    Scope("PurgeKey", ("kms:*",), condition=_OF_A_CLUSTER),
)
"""For the commands' own calls."""

BY_CLOUDFORMATION = (
    *_COMMON,
    # Auto Scaling asks whether its caller might launch what a group would.
    Scope("CheckLaunches", ("ec2:RunInstances",), condition=_BY_A_SERVICE),
    Scope("PassRoles", ("iam:PassRole",), (_ROLES,), {"StringEquals": {"iam:PassedToService": _PASSED_TO}}),
    Scope("Identities", ("iam:*",), _IDENTITIES, _BY_CLOUDFORMATION),
    Scope("Mappings", ("lambda:*EventSourceMapping",), condition=_BY_CLOUDFORMATION),
    Scope("Functions", ("lambda:*",), _FUNCTIONS, _BY_CLOUDFORMATION),
    Scope("Tables", ("dynamodb:*",), _TABLES, _BY_CLOUDFORMATION),
    Scope("Buckets", ("s3:*",), _BUCKETS, _BY_CLOUDFORMATION),
    Scope("Queues", ("sqs:*",), _own("sqs", f"{STACK}-*"), _BY_CLOUDFORMATION),
    Scope("Rules", ("events:*",), _own("events", "rule/holdfast-*"), _BY_CLOUDFORMATION),
    Scope("Parameters", ("ssm:*",), _PARAMETERS, _BY_CLOUDFORMATION),
    Scope("Groups", ("autoscaling:*",), _GROUPS, _BY_CLOUDFORMATION),
    Scope("LogGroups", ("logs:*LogGroup", "logs:*Retention*", "logs:*KmsKey"), _LOG_GROUPS, _BY_CLOUDFORMATION),
    Scope("Aliases", ("kms:*Alias",), _own("kms", "alias/holdfast-*", "key/*"), _BY_CLOUDFORMATION),
    Scope("UseKey", _USES_OF_KEYS, condition={**_BY_CLOUDFORMATION, **_OF_A_CLUSTER}),
    # Their ids are not known before they are there, and their names are shortened.
    Scope("Network", ("ec2:*", "elasticloadbalancing:*"), condition=_BY_CLOUDFORMATION),
    Scope("Rest", ("*:*",), condition=_BY_CLOUDFORMATION),
)
"""For what CloudFormation does with the caller's rights."""


def files() -> dict[str, str]:
    """Name -> text of the policies, each short enough for a managed policy."""
    policies = enumerate(_packed(_statements()), start=1)
    return {f"deployer-{number}.json": json.dumps(policy, indent=2) + "\n" for number, policy in policies}


def handlers() -> dict[str, list[str]]:
    """Resource type -> what CloudFormation's handlers need."""
    found: dict[str, list[str]] = json.loads(HANDLERS.read_text(encoding="utf-8"))
    return found


def _statements() -> list[dict[str, Any]]:
    own = {action for text in COMMANDS.values() for action in text.split()}
    by_cloudformation = {action for actions in handlers().values() for action in actions}
    return _merged([*scoped(own, BY_CALLER), *scoped(by_cloudformation, BY_CLOUDFORMATION)])


def scoped(actions: set[str], scopes: Iterable[Scope]) -> Iterator[tuple[Scope, set[str]]]:
    """Each scope with the actions that it is the first for. Raises ValueError for one that no scope is for."""
    left = set(actions)
    for scope in scopes:
        here = {action for action in left if any(fnmatchcase(action, pattern) for pattern in scope.actions)}
        left -= here
        if here:
            yield scope, here
    if left:
        raise ValueError(f"no scope for {', '.join(sorted(left))}")


def _merged(scoped: list[tuple[Scope, set[str]]]) -> list[dict[str, Any]]:
    """Statements; scopes of one name are one, and what a statement without condition allows stands nowhere else."""
    together: dict[str, tuple[Scope, set[str]]] = {}
    for scope, actions in scoped:
        known = together.setdefault(scope.sid, (scope, set()))
        known[1].update(actions)
    return [_statement(scope, actions) for scope, actions in together.values()]


def _statement(scope: Scope, actions: set[str]) -> dict[str, Any]:
    # `ec2:Describe*` covers the others of the kind.
    wide = {action for action in actions if action.endswith("*")}
    listed = sorted(each for each in actions if not any(each != one and fnmatchcase(each, one) for one in wide))
    resource: Any = list(scope.resources) if len(scope.resources) > 1 else scope.resources[0]
    found = {"Sid": scope.sid, "Effect": "Allow", "Action": listed, "Resource": resource}
    return found if scope.condition is None else {**found, "Condition": scope.condition}


def _packed(statements: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """As few policies as hold the statements in their order."""
    held: list[dict[str, Any]] = []
    for statement in statements:
        if held and characters(_policy([*held, statement])) > MOST_CHARACTERS:
            yield _policy(held)
            held = []
        held.append(statement)
    yield _policy(held)


def characters(policy: Mapping[str, Any]) -> int:
    """How many IAM counts."""
    return len(json.dumps(policy, separators=(",", ":")))


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
