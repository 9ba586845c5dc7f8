"""The launch role: by it Service Catalog has CloudFormation make clusters for people who may make nothing themselves.

What it may do is what whoever deploys needs (generator/deployer), narrower: for stacks of Service Catalog alone, and in
IAM below one path, with the permissions boundary, and without any right over the boundary itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from awacs import sts
from awacs.aws import Allow, Principal, Statement
from troposphere import AccountId, Equals, GetAtt, If, Not, Ref, Sub, Template
from troposphere.iam import ManagedPolicy
from troposphere.iam import Role as IamRole

from generator import deployer
from generator.catalog.parameters import LONGEST_BOUNDARY, LONGEST_PATH, LONGEST_PREFIX, CatalogParameters
from generator.deployer import scopes
from generator.deployer.scopes import Names, Scope
from generator.partition import via_services_anywhere
from generator.policies import condition, policy_dict

PATH = "/holdfast-launch/"
"""Outside of the path below which it may make roles: it has no right over itself."""

_BOUNDARY = "${PermissionsBoundaryArn}"
_TEMPLATES = "arn:${AWS::Partition}:s3:::${TemplateBucket}/${TemplatePrefix}"
_NAMES = Names(
    partition="${AWS::Partition}",
    region="${AWS::Region}",
    account="${AWS::AccountId}",
    # The stacks of provisioned products are named SC-<account>-pp-<id>, and those that they nest after them.
    stack="SC-${AWS::AccountId}-pp",
    stacks=("stack/SC-${AWS::AccountId}-pp-*/*",),
    bucket_prefix="sc-${AWS::AccountId}-pp",
    templates=_TEMPLATES,
    role_path="${RolePath}",
    # In China EC2 has another name (generator/partition.py), elsewhere the one that stands there already.
    passed_to=(*Names.passed_to, "ec2.${AWS::URLSuffix}"),
    boundary=_BOUNDARY,
)
NEVER = ("iam:DeleteRolePermissionsBoundary",)
"""What takes a boundary off a role, though a handler's schema has it."""
# What Service Catalog calls by the role (administrator guide, "Step 6: Add a launch constraint to assign an IAM role"),
# and what CloudFormation asks of whoever gives a stack tags.
_CALLS = frozenset(
    f"cloudformation:{name}"
    for name in (
        "CreateStack DeleteStack DescribeStackEvents DescribeStacks GetTemplateSummary SetStackPolicy TagResource "
        "UpdateStack ValidateTemplate"
    ).split()
)
_CHECK_TEMPLATES = Scope("CheckTemplates", ("cloudformation:ValidateTemplate",))
# Service Catalog keeps a copy of the root template in a bucket of its own (the same page).
_OWN_COPY = {
    "Sid": "OwnCopy",
    "Effect": "Allow",
    "Action": ["s3:GetObject"],
    "Resource": "*",
    "Condition": {"StringEquals": {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}},
}
_KEEP_BOUNDARY = {
    "Sid": "KeepBoundary",
    "Effect": "Deny",
    "Action": [
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:SetDefaultPolicyVersion",
    ],
    "Resource": _BOUNDARY,
}
# The longest that a value may be, to count what IAM counts.
_LONGEST = {
    "${AWS::Partition}": len("aws-us-gov"),
    "${AWS::Region}": len("ap-southeast-99"),
    "${AWS::AccountId}": 12,
    "${RolePath}": LONGEST_PATH,
    "${TemplateBucket}": 63,
    "${TemplatePrefix}": LONGEST_PREFIX + len("/*"),
    _BOUNDARY: LONGEST_BOUNDARY,
}


# Instead of the wildcards of the schema of groups: what there is of groups, launch templates and target groups to read.
_READS = {
    "autoscaling:Describe*": (
        "DescribeAutoScalingGroups DescribeAutoScalingInstances DescribeLifecycleHooks "
        "DescribeLoadBalancerTargetGroups DescribeScalingActivities DescribeTags"
    ),
    "ec2:Describe*": (
        "DescribeAvailabilityZones DescribeCapacityReservations DescribeImages DescribeInstances DescribeInstanceTypes "
        "DescribeLaunchTemplates DescribeLaunchTemplateVersions DescribeSecurityGroups DescribeSubnets DescribeVpcs"
    ),
    "elasticloadbalancing:Describe*": "DescribeTargetGroups DescribeTargetHealth",
}


def actions() -> set[str]:
    """All that the role may do: what the handlers of the templates' types need, and what Service Catalog calls."""
    needed = {action for found in deployer.handlers().values() for action in found}
    reads = {f"{wide.partition(':')[0]}:{name}" for wide, names in _READS.items() for name in names.split()}
    return (needed | _CALLS | reads) - {*_READS, *NEVER}


def statements() -> list[dict[str, Any]]:
    """Those of its policies, with the words of Fn::Sub."""
    by_scope = deployer.scoped(actions(), [_CHECK_TEMPLATES, *scopes.by_cloudformation(_NAMES)])
    return [*deployer.merged(list(by_scope)), _OWN_COPY, _KEEP_BOUNDARY]


def add(template: Template, given: CatalogParameters) -> IamRole:
    """The role with its policies."""
    trust = Statement(
        Effect=Allow,
        Action=[sts.AssumeRole],
        Principal=Principal("Service", ["servicecatalog.amazonaws.com"]),
        Condition=condition({"StringEquals": {"aws:SourceAccount": AccountId}}),
    )
    policies = [
        template.add_resource(
            ManagedPolicy(
                f"LaunchPolicy{number}",
                Description=f"What the launch role may do, part {number}",
                Path=PATH,
                PolicyDocument=_substituted(policy),
            )
        )
        for number, policy in enumerate(deployer.packed(statements(), _characters), start=1)
    ]
    role = template.add_resource(
        IamRole(
            "LaunchRole",
            Description="Role by which Service Catalog makes, updates and deletes clusters",
            Path=PATH,
            AssumeRolePolicyDocument=policy_dict([trust]),
            ManagedPolicyArns=[Ref(policy) for policy in policies],
        )
    )
    template.add_condition("HasTemplateKey", Not(Equals(given.template_key_arn, "")))
    template.add_resource(
        ManagedPolicy(
            "TemplateKeyPolicy",
            Condition="HasTemplateKey",
            Description="What the launch role may do with the key of the bucket of templates",
            Path=PATH,
            Roles=[Ref(role)],
            PolicyDocument={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "ReadTemplates",
                        "Effect": "Allow",
                        "Action": ["kms:Decrypt"],
                        "Resource": given.template_key_arn,
                        "Condition": {"StringEquals": {"kms:ViaService": via_services_anywhere("s3")}},
                    }
                ],
            },
        )
    )
    return role


def arn(role: IamRole) -> GetAtt:
    """Its ARN, with its policies."""
    return GetAtt(role, "Arn")


def _substituted(value: Any) -> Any:
    """The value with Fn::Sub where a text has words of it."""
    if isinstance(value, Mapping):
        return {key: _substituted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_substituted(each) for each in value]
    if value == _TEMPLATES:
        return If("HasPrefix", Sub(f"{_TEMPLATES}/*"), Sub(_TEMPLATES.replace("${TemplatePrefix}", "*")))
    if value == _BOUNDARY:
        return Ref("PermissionsBoundaryArn")
    return Sub(value) if isinstance(value, str) and "${" in value else value


def _characters(policy: Mapping[str, Any]) -> int:
    """How many IAM counts at most, whatever the parameters are."""
    text = json.dumps(policy, separators=(",", ":"))
    for word, longest in _LONGEST.items():
        text = text.replace(word, "x" * longest)
    return len(text)
