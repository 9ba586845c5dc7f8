"""The policies of whoever deploys: docs/deployer-policy/*.json, made of what the templates' resource types need.

`handlers.json` has, by resource type, the permissions of CloudFormation's handlers, from the public schemas
(`tests/templates/deployer_handlers.py` writes it). COMMANDS has what the commands behind make call themselves. Scopes
narrow both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from generator.deployer import scopes
from generator.deployer.scopes import Scope

HANDLERS = Path(__file__).with_name("handlers.json")
MOST_CHARACTERS = 6144
"""Of a managed policy, white space not counted (IAM guide, "IAM and AWS STS quotas")."""

COMMANDS: Mapping[str, str] = {
    "preflight": """cloudformation:DescribeStackResource cloudformation:DescribeStacks cloudformation:GetTemplate
        cloudformation:GetTemplateSummary cloudformation:ListStackResources ec2:Describe*
        elasticloadbalancing:Describe* iam:GetPolicy iam:GetRole iam:GetUser kms:DescribeKey resource-groups:GetGroup
        resource-groups:GetGroupConfiguration resource-groups:ListGroupResources route53:GetHostedZone
        route53:ListResourceRecordSets servicequotas:ListAWSDefaultServiceQuotas servicequotas:ListServiceQuotas
        sns:GetTopicAttributes tag:GetResources""",
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


BY_CALLER = scopes.by_caller(scopes.Names())
"""For the commands' own calls."""

BY_CLOUDFORMATION = scopes.by_cloudformation(scopes.Names())
"""For what CloudFormation does with the caller's rights."""


def files() -> dict[str, str]:
    """Name -> text of the policies, each short enough for a managed policy."""
    policies = enumerate(packed(_statements()), start=1)
    return {f"deployer-{number}.json": json.dumps(policy, indent=2) + "\n" for number, policy in policies}


def handlers() -> dict[str, list[str]]:
    """Resource type -> what CloudFormation's handlers need."""
    found: dict[str, list[str]] = json.loads(HANDLERS.read_text(encoding="utf-8"))
    return found


def _statements() -> list[dict[str, Any]]:
    own = {action for text in COMMANDS.values() for action in text.split()}
    by_cloudformation = {action for actions in handlers().values() for action in actions}
    return merged([*scoped(own, BY_CALLER), *scoped(by_cloudformation, BY_CLOUDFORMATION)])


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


def merged(scoped: list[tuple[Scope, set[str]]]) -> list[dict[str, Any]]:
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


def packed(
    statements: Iterable[dict[str, Any]], length: Callable[[Mapping[str, Any]], int] | None = None
) -> Iterator[dict[str, Any]]:
    """As few policies as hold the statements in their order. `length` says how many characters IAM counts of one."""
    held: list[dict[str, Any]] = []
    for statement in statements:
        if held and (length or characters)(_policy([*held, statement])) > MOST_CHARACTERS:
            yield _policy(held)
            held = []
        held.append(statement)
    yield _policy(held)


def characters(policy: Mapping[str, Any]) -> int:
    """How many IAM counts."""
    return len(json.dumps(policy, separators=(",", ":")))


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
