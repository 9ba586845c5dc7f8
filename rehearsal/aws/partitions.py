"""Facts about the partitions of AWS: their regions, the domains of their hosts, and what is named by neither."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """`regions` begins the names of its regions, `domain` ends those of its hosts (`AWS::URLSuffix`)."""

    name: str
    regions: str
    domain: str
    via_domain: str
    """What `kms:ViaService` ends in. Where a partition has a domain of its own nobody has published it: then the other
    one, so that a policy that follows from `AWS::URLSuffix` alone is found out."""
    endpoint_prefixes: dict[str, str]
    """Endpoint service -> what its name begins with, where that is not `com.amazonaws`."""
    other_principals: frozenset[str] = frozenset()
    """Service principals besides `<service>.amazonaws.com` that roles may trust."""

    def has_principal(self, service: str) -> bool:
        """Whether a role may trust this service principal, as far as its name says."""
        return service.endswith(f".{COMMERCIAL}") or service in self.other_principals


COMMERCIAL = "amazonaws.com"
_ECR = ("ecr.api", "ecr.dkr")
# Names of endpoint services: the AWS CDK, aws-ec2, lib/vpc-endpoint.ts (getDefaultEndpointPrefix). Of principals:
# Getting Started with AWS in China, "IAM". Domains: the AWS SDKs' partition data.
_PARTITIONS = (
    Partition("aws-us-gov", "us-gov-", COMMERCIAL, COMMERCIAL, {}),
    Partition(
        "aws-cn",
        "cn-",
        "amazonaws.com.cn",
        COMMERCIAL,
        dict.fromkeys((*_ECR, "autoscaling", "cloudformation", "ec2", "sqs", "sts"), "cn.com.amazonaws"),
        frozenset({"ec2.amazonaws.com.cn", "s3.amazonaws.com.cn", "elasticmapreduce.amazonaws.com.cn"}),
    ),
    Partition("aws-eusc", "eusc-", "amazonaws.eu", COMMERCIAL, dict.fromkeys(_ECR, "eu.amazonaws")),
    Partition(
        "aws-iso",
        "us-iso-",
        "c2s.ic.gov",
        COMMERCIAL,
        dict.fromkeys((*_ECR, "autoscaling", "ec2", "sqs"), "gov.ic.c2s"),
    ),
    Partition(
        "aws-iso-b",
        "us-isob-",
        "sc2s.sgov.gov",
        COMMERCIAL,
        dict.fromkeys((*_ECR, "autoscaling", "ec2", "sqs"), "gov.sgov.sc2s"),
    ),
    Partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", COMMERCIAL, dict.fromkeys(_ECR, "uk.adc-e.cloud")),
    Partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", COMMERCIAL, dict.fromkeys(_ECR, "gov.ic.hci.csp")),
)
_AWS = Partition("aws", "", COMMERCIAL, COMMERCIAL, {})
DOMAINS = tuple(dict.fromkeys(each.domain for each in (_AWS, *_PARTITIONS)))


def by_region(region: str) -> Partition:
    """The partition of a region, from its name alone, so that regions newer than our libraries work."""
    return next((each for each in _PARTITIONS if region.startswith(each.regions)), _AWS)


def by_name(name: str) -> Partition:
    """The partition of that name; KeyError for none."""
    return {each.name: each for each in (_AWS, *_PARTITIONS)}[name]


def endpoint_service(region: str, service: str) -> str:
    """The name of a service's endpoints in a region, as `com.amazonaws.us-east-1.ecr.api`."""
    return f"{by_region(region).endpoint_prefixes.get(service, 'com.amazonaws')}.{region}.{service}"
