"""Every action that `make preflight` needs, with what it is for: docs/how-to/check-an-account.md tells them."""

from __future__ import annotations

from typing import Any

ALWAYS = {
    "cloudformation:DescribeStacks": "the stack, where it exists, whose values an update keeps",
    "ec2:DescribeAvailabilityZones": "zones",
    "ec2:DescribeImages": "images",
    "ec2:DescribeInstanceTypeOfferings": "instance types in zones",
    "ec2:DescribeInstanceTypes": "what an instance type is",
    "ec2:DescribeInstances": "vCPUs that are in use",
    "ec2:DescribePrefixLists": "the prefix lists of S3 and DynamoDB",
    "ec2:DescribeSecurityGroups": "security groups that are in use",
    "ec2:DescribeVpcEndpointServices": "endpoint services of the region",
    "ec2:DescribeVpcEndpoints": "endpoints that are in use, or in the given VPC",
    "ec2:DescribeVpcs": "VPCs that are in use, or the given one",
    "elasticloadbalancing:DescribeLoadBalancers": "load balancers that are in use",
    "iam:GetRole": "service-linked roles, and roles that parameters list",
    "servicequotas:ListAWSDefaultServiceQuotas": "quotas that were never raised",
    "servicequotas:ListServiceQuotas": "quotas",
}
"""For every cluster. sts:GetCallerIdentity needs no permission."""

SOMETIMES = {
    "cloudformation:DescribeStackResource": "a stack that is there, of an earlier release",
    "cloudformation:GetTemplate": "a stack that is there, whose templates say what never changes",
    "cloudformation:GetTemplateSummary": "a stack that is there, and is not complete",
    "cloudformation:ListStackResources": "a stack that is there; a group of Capacity Reservations",
    "ec2:DescribeCapacityReservations": "Capacity Reservations",
    "ec2:DescribeDhcpOptions": "a given VPC",
    "ec2:DescribeHosts": "tenancy host",
    "ec2:DescribeManagedPrefixLists": "ApiClientPrefixListId",
    "ec2:DescribeRouteTables": "a given VPC",
    "ec2:DescribeSnapshots": "an encrypted image",
    "ec2:DescribeSubnets": "a given VPC",
    "ec2:DescribeVpcAttribute": "a given VPC",
    "iam:GetPolicy": "PermissionsBoundaryArn",
    "iam:GetUser": "users that parameters list",
    "kms:DescribeKey": "an encrypted image",
    "resource-groups:GetGroup": "host resource groups",
    "resource-groups:GetGroupConfiguration": "a group of Capacity Reservations",
    "resource-groups:ListGroupResources": "a group of Capacity Reservations",
    "route53:GetHostedZone": "a given hosted zone",
    "route53:ListResourceRecordSets": "a given hosted zone",
    "sns:GetTopicAttributes": "AlarmTopicArns",
    # Resource Groups API reference, ListGroupResources, "Minimum permissions"; so is cloudformation:ListStackResources.
    "tag:GetResources": "a group of Capacity Reservations",
}
"""For clusters that have such a thing."""


def policy() -> dict[str, Any]:
    """The least policy of IAM for all of it: reading alone."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "CheckAnAccount",
                "Effect": "Allow",
                "Action": sorted([*ALWAYS, *SOMETIMES]),
                "Resource": "*",
            }
        ],
    }
