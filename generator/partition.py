"""What AWS calls differently in one partition and another: endpoint services, service principals, callers of a key.

None of it follows from the domain of a partition's hosts. In the unproven partitions nothing of it was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from troposphere import Sub

from coordination.names import URL_SUFFIXES
from generator.config.model import Partition

_COMMERCIAL_DOMAIN = URL_SUFFIXES["aws"]


@dataclass(frozen=True)
class _EndpointNames:
    """The services whose endpoints are named `<prefix>.<region>.<service>`; the others begin with `com.amazonaws`."""

    prefix: str
    services: frozenset[str]


_ECR = frozenset({"ecr.api", "ecr.dkr"})
# Of what a cluster may call. AWS publishes no list; this is the AWS CDK's of 2026 (aws-ec2, lib/vpc-endpoint.ts,
# getDefaultEndpointPrefix), made from `aws ec2 describe-vpc-endpoint-services` in those regions. In aws-iso-b it is
# that of us-isob-east-1: us-isob-west-1 has the prefix for ECR alone.
_ENDPOINTS: dict[Partition, _EndpointNames] = {
    "aws-cn": _EndpointNames("cn.com.amazonaws", _ECR | {"autoscaling", "cloudformation", "ec2", "sqs", "sts"}),
    # aws/aws-cdk#36471
    "aws-eusc": _EndpointNames("eu.amazonaws", _ECR),
    "aws-iso": _EndpointNames("gov.ic.c2s", _ECR | {"autoscaling", "ec2", "sqs"}),
    "aws-iso-b": _EndpointNames("gov.sgov.sc2s", _ECR | {"autoscaling", "ec2", "sqs"}),
    # aws/aws-cdk#31434, after the word of ECR's team
    "aws-iso-e": _EndpointNames("uk.adc-e.cloud", _ECR),
    "aws-iso-f": _EndpointNames("gov.ic.hci.csp", _ECR),
}

# Service -> its principal where it is not `<service>.amazonaws.com`, which IAM takes in every partition: the AWS CDK
# writes it everywhere since 2022 (region-info, lib/default.ts), the AWS CLI since 2024 (aws/aws-cli#8703). One that is
# built from the partition's domain is refused in the newer ones, as `Invalid principal in policy:
# "SERVICE":"ec2.amazonaws.eu"` (pulumi/pulumi-eks#2341; terraform-aws-modules/terraform-aws-eks#3539 for an iso one).
_PRINCIPALS: dict[tuple[Partition, str], str] = {
    # Getting Started with AWS in China, "IAM", has this one in a trust policy; hashicorp/terraform-provider-aws#47141.
    ("aws-cn", "ec2"): "ec2.${AWS::URLSuffix}",
}
# In every partition. A key's policy names `logs.region.amazonaws.com` (CloudWatch Logs user guide, "Encrypt log data
# using AWS KMS"); with the partition's own domain where that differs: the AWS CDK's table, and what the Landing Zone
# Accelerator deploys in China and the iso partitions. In China the other form is refused (serverless/serverless#12087).
_REGIONAL_PRINCIPALS = {"logs": "logs.${AWS::Region}.${AWS::URLSuffix}"}


def endpoint_service_name(partition: Partition, service: str) -> Sub:
    """The name of an interface or gateway endpoint's service, such as `com.amazonaws.${AWS::Region}.ecr.api`."""
    names = _ENDPOINTS.get(partition)
    prefix = names.prefix if names is not None and service in names.services else "com.amazonaws"
    return Sub(f"{prefix}.${{AWS::Region}}.{service}")


def service_principal(partition: Partition, service: str) -> str | Sub:
    """The principal of a service that assumes roles or uses keys, such as `lambda.amazonaws.com`."""
    named = _PRINCIPALS.get((partition, service)) or _REGIONAL_PRINCIPALS.get(service)
    return Sub(named) if named is not None else f"{service}.{_COMMERCIAL_DOMAIN}"


def via_services(partition: Partition, services: Sequence[str]) -> list[Sub]:
    """The values of `kms:ViaService` for `services` in the stack's own region.

    The KMS guide shows `<service>.<region>.amazonaws.com` alone, and nothing says what a partition with a domain of its
    own has. There both are named: a value that no service sends allows nobody anything.
    """
    domains = ["${AWS::URLSuffix}"]
    if URL_SUFFIXES[partition] != _COMMERCIAL_DOMAIN:
        domains.append(_COMMERCIAL_DOMAIN)
    return _callers(services, domains)


def via_services_anywhere(*services: str) -> list[Sub]:
    """The same in a template that is for every partition; where both domains are one it names that twice."""
    return _callers(services, ["${AWS::URLSuffix}", _COMMERCIAL_DOMAIN])


def _callers(services: Sequence[str], domains: Sequence[str]) -> list[Sub]:
    return [Sub(f"{service}.${{AWS::Region}}.{domain}") for domain in domains for service in services]
