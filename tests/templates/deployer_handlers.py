"""Writes generator/deployer/handlers.json: what CloudFormation does for whoever deploys, by resource type.

From the registry's schemas, as cfn-lint carries them: `handlers` names the permissions of create, read, update, delete
(https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html). They cover every property
of a type; what belongs to properties that no template sets is left out here, each with its reason.
`python -m tests.templates.deployer_handlers`; a test says when the file is not current.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from generator.config.model import Access, ClusterConfig, Network, Pool
from generator.root import templates
from rehearsal.aws.cloudformation.schemas import raw_schema

FILE = Path(__file__).parents[2] / "generator" / "deployer" / "handlers.json"
HANDLERS = ("create", "read", "update", "delete")
CUSTOM = "Custom::"

LEFT_OUT = {
    r".+ iam:CreateServiceLinkedRole": "README's step 0 creates the service-linked roles",
    r".+ vpce?(-lattice)?:.+": "no endpoint of a service network, and none of another region",
    r".+AutoScalingGroup (managed-fleets|cloudwatch|ssm):.+": "no managed fleet, alarm, or image by parameter",
    r".+AutoScalingGroup ec2:Get\*": "no instance requirements",
    r".+AutoScalingGroup autoscaling:.*(Notification|Collection|LoadBalancers|TrafficSources|Refresh).*": "not set",
    r".+DynamoDB::Table .*(kinesis|Kinesis|Import|Replica).*": "no stream of Kinesis, import or replica",
    r".+DynamoDB::Table dynamodb:(Scan|Query|\w+Item)": "no replica",
    r".+DynamoDB::Table (logs|s3):.+": "no import",
    r".+DynamoDB::Table dynamodb:.*ContributorInsights": "no insights",
    r".+DynamoDB::Table kms:RevokeGrant": "DynamoDB retires its grants itself",
    r".+Lambda::Function (elasticfilesystem|s3files):.+": "no file system",
    r".+Lambda::Function lambda:.*(CodeSigning|Layer|Recursion|Scaling|Capacity|RuntimeAlias).*": "not set",
    r".+Lambda::Function lambda:PublishVersion": "no versions",
    r".+Lambda::Function lambda:PutRuntimeManagementConfig": "the default",
    r".+LogGroup (firehose|s3):.+": "no delivery",
    r".+LogGroup logs:.*(DataProtection|IndexPol|BearerToken|DeletionProtection|Delivery|ResourcePol).*": "not set",
    r".+S3::Bucket s3tables:.+": "no tables",
    r".+S3::Bucket iam:.+": "no replication",
    r".+S3::Bucket s3:.*(Analytics|C(ORS|ors)|Inventory|Metrics|Notification|Replication|Website).*": "not set",
    r".+S3::Bucket s3:.*(Accelerate|ObjectLock|IntelligentTiering|Metadata|Abac|Logging|Acl).*": "not set",
    r".+S3::Bucket s3:DeleteObject": "CloudFormation empties no bucket",
    r".+S3::Bucket s3:(DeleteBucketEncryption|DeleteBucketLifecycle)": "both always are",
    r".+IAM::Role iam:(Attach|Detach|List)\w+": "policies of a role are resources of their own",
    r".+IAM::ManagedPolicy iam:Attach\w+": "people attach them",
    r".+KMS::Key kms:(Disable\w+|EnableKey)": "the key is on, and is rotated",
    r".+KMS::Alias kms:UpdateAlias": "a stack has one key for ever",
    r".+Events::Rule iam:PassRole": "no target has a role",
    r".+SSM::Document (s3|iam):.+": "no attachment",
    r".+Listener cognito-idp:.+": "no user pool",
    r".+LoadBalancer (ec2:.+|elasticloadbalancing:.*(Capacity|IpPools|IpAddressType).*)": "no reservation, no pools",
    r".+TargetGroup elasticloadbalancing:(De)?[rR]egisterTargets": "Auto Scaling registers",
    r".+VPC ec2:.*(Encryption|Tenancy).*": "no control of encryption; the tenancy never changes",
    r".+Subnet ec2:.*CidrBlock": "one range of IPv4",
    r".+FlowLog (s3|autoscaling):.+": "to CloudWatch Logs",
    r".+CloudFormation::Stack (iam:PassRole|cloudformation:\w+StackPolicy)": "neither service role nor stack policy",
    r".+Route53::HostedZone route53:.*(QueryLogging|Features|Comment|Disassociate).*": "not set",
    r".+ResolverQueryLogg\w+ resolverquerylogging:.+": "no action of IAM: the Service Authorization Reference has none",
}
"""What is not given, as a pattern of `<type> <action>`, and why."""

BESIDE = {
    "AWS::AutoScaling::AutoScalingGroup": [
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "ec2:CreateTags",
    ],
    "AWS::CloudFormation::Stack": ["s3:GetObject", "s3:GetObjectVersion"],
    "AWS::DynamoDB::Table": [
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    ],
    "Custom::": ["lambda:InvokeFunction"],
}
"""What a schema does not name: what an UpdatePolicy's rolling update calls, for no page of AWS lists it, by the role
that https://github.com/claranet/terraform-aws-asg-pipeline (modules/asg/cfn_iam.tf) gives CloudFormation; tags of the
instances that a launch template would start (Auto Scaling guide, "Required permissions"), nested templates, what
DynamoDB requires of whoever chooses a table's key (its guide, "Key policy for a customer managed key"), and the
function behind a custom resource."""


@cache
def types() -> tuple[str, ...]:
    """Every type of resource that some configuration creates; custom resources by the beginning of their name."""
    plain = ClusterConfig()
    on_hosts = Pool(name="general", tenancy="host", host_resource_group="example")
    configurations = (
        plain,
        ClusterConfig(access=Access(ssm=True)),
        msgspec.structs.replace(plain, network=Network(vpc="given")),
        msgspec.structs.replace(plain, host_resource_groups=("example",), pools=(on_hosts,)),
    )
    found = {
        CUSTOM if resource["Type"].startswith(CUSTOM) else str(resource["Type"])
        for configuration in configurations
        for body in templates(configuration).values()
        for resource in json.loads(body)["Resources"].values()
    }
    return tuple(sorted(found))


def actions(kind: str) -> list[str]:
    """What is given for a type."""
    named = set(declared(kind)) - {action for action in declared(kind) if reasons(kind, action)}
    return sorted({*named, *BESIDE.get(kind, ())})


def declared(kind: str) -> list[str]:
    """What its handlers need, by its schema; nothing for a type without one."""
    return sorted({action for name in HANDLERS for action in needed(kind, name)})


def needed(kind: str, handler: str) -> list[str]:
    """What one of them needs."""
    handlers: dict[str, Any] = raw_schema(kind).get("handlers", {})
    return list(handlers.get(handler, {}).get("permissions", ()))


def reasons(kind: str, action: str) -> list[str]:
    """The patterns by which an action of a type is left out."""
    return [pattern for pattern in LEFT_OUT if re.fullmatch(pattern, f"{kind} {action}")]


def text(kinds: Iterable[str]) -> str:
    """The file: a line for each type."""
    lines = ",\n".join(f"{json.dumps(kind)}: {json.dumps(actions(kind))}" for kind in kinds)
    return f"{{\n{lines}\n}}\n"


if __name__ == "__main__":
    FILE.write_text(text(types()), encoding="utf-8")
