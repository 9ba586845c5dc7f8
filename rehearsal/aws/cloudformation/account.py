"""What the engine asks the account for: templates in S3, SSM parameters, zones, and whether a value exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.errors import TemplateError, ValidationError
from rehearsal.aws.partitions import DOMAINS

MAX_TEMPLATE_BYTES = 1_000_000
"""CloudFormation's limit for a template in S3."""
S3_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.(?:" + "|".join(map(re.escape, DOMAINS)) + ")"
)

# type -> service, operation and the request key that takes a list of ids.
_EXISTING: dict[str, tuple[str, str, str]] = {
    "AWS::EC2::Image::Id": ("ec2", "describe_images", "ImageIds"),
    "AWS::EC2::Instance::Id": ("ec2", "describe_instances", "InstanceIds"),
    "AWS::EC2::KeyPair::KeyName": ("ec2", "describe_key_pairs", "KeyNames"),
    "AWS::EC2::SecurityGroup::GroupName": ("ec2", "describe_security_groups", "GroupNames"),
    "AWS::EC2::SecurityGroup::Id": ("ec2", "describe_security_groups", "GroupIds"),
    "AWS::EC2::Subnet::Id": ("ec2", "describe_subnets", "SubnetIds"),
    "AWS::EC2::VPC::Id": ("ec2", "describe_vpcs", "VpcIds"),
    "AWS::EC2::Volume::Id": ("ec2", "describe_volumes", "VolumeIds"),
}


class Account:
    """One region of the account, through its public APIs."""

    def __init__(self, client_for: Callable[[str, str], Any], region: str) -> None:
        self._client_for = client_for
        self._region = region

    def client(self, service: str) -> Any:
        """A boto3 client in this region."""
        return self._client_for(service, self._region)

    def template(self, url: str) -> str:
        """A template's text from its S3 URL. Raises ValidationError with CloudFormation's text."""
        bucket, key, version = s3_location(url)
        try:
            wanted = {"VersionId": version} if version else {}
            body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key, **wanted)["Body"].read()
        except ClientError as error:
            raise ValidationError(f"S3 error: {error.response['Error']['Message']} ({bucket}/{key})") from None
        if len(body) > MAX_TEMPLATE_BYTES:
            raise ValidationError(f"Template may not exceed {MAX_TEMPLATE_BYTES} bytes in size.")
        return body.decode()

    def availability_zones(self, region: str) -> list[str]:
        """The names of a region's available zones."""
        zones = self._client_for("ec2", region).describe_availability_zones()["AvailabilityZones"]
        return sorted(zone["ZoneName"] for zone in zones if zone["State"] == "available")

    def ssm_parameter(self, reference: str) -> str:
        """The value of an SSM parameter, `name` or `name:version`. Raises TemplateError when there is none."""
        try:
            answer = self.client("ssm").get_parameter(Name=reference)["Parameter"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"ParameterNotFound", "ParameterVersionNotFound"}:
                raise
            raise TemplateError(
                f"Unable to fetch parameters [{reference}] from parameter store for this account."
            ) from None
        if answer["Type"] == "SecureString":
            raise TemplateError(
                f"Parameters [{reference}] referenced by template have types not supported by CloudFormation."
            )
        return str(answer["Value"])

    def missing(self, type_name: str, values: Iterable[str]) -> list[str]:
        """Those of the values that do not exist as things of an AWS-specific parameter type."""
        wanted = list(values)
        if type_name == "AWS::EC2::AvailabilityZone::Name":
            zones = self.availability_zones(self._region)
            return [value for value in wanted if value not in zones]
        if type_name == "AWS::Route53::HostedZone::Id":
            return [value for value in wanted if not self._exists("route53", "get_hosted_zone", {"Id": value})]
        if type_name == "AWS::SSM::Parameter::Name":
            return [value for value in wanted if not self._exists("ssm", "get_parameter", {"Name": value})]
        service, operation, key = _EXISTING[type_name]
        return [value for value in wanted if not value or not self._exists(service, operation, {key: [value]})]

    def attributes(self, type_name: str, values: Iterable[str], attribute: str) -> list[str]:
        """An attribute of each of the things of an AWS-specific parameter type, in their order, as rules ask for it.

        Raises TemplateError for what is not a subnet's zone or VPC.
        """
        if (type_name, attribute) not in RULE_ATTRIBUTES:
            raise TemplateError(
                f"Template error: the attribute {attribute} of {type_name} is not supported by the local AWS in rules"
            )
        wanted = list(values)
        # A list may name one twice.
        subnets = self.client("ec2").describe_subnets(SubnetIds=sorted(set(wanted)))["Subnets"]
        found = {subnet["SubnetId"]: str(subnet[attribute]) for subnet in subnets}
        return [found[value] for value in wanted]

    def _exists(self, service: str, operation: str, request: dict[str, Any]) -> bool:
        try:
            answer = getattr(self.client(service), operation)(**request)
        except ClientError as error:
            # Every "not found" and "malformed id" is a 4xx; anything else is trouble of its own.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise
            return False
        lists = [value for key, value in answer.items() if isinstance(value, list)]
        return bool(lists[0]) if service == "ec2" else True


CHECKED_TYPES = frozenset(_EXISTING) | {
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::Route53::HostedZone::Id",
    "AWS::SSM::Parameter::Name",
}
"""The AWS-specific parameter types whose values must exist."""
RULE_ATTRIBUTES = frozenset({("AWS::EC2::Subnet::Id", "AvailabilityZone"), ("AWS::EC2::Subnet::Id", "VpcId")})
"""What rules may ask for here, of the supported attributes in CloudFormation's template reference, "Rule functions".
Left out are tags, and a VPC's default network ACL and security group."""


def s3_location(url: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of an S3 URL: AWS's two styles, or path style on the local AWS."""
    parts = urlparse(url)
    version = parse_qs(parts.query).get("versionId", [None])[0]
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    match = S3_HOST.fullmatch(host)
    if parts.scheme == "s3":
        bucket, key = parts.netloc, path
    elif match and match["bucket"]:
        bucket, key = match["bucket"], path
    elif match or host in {"localhost", "127.0.0.1"}:
        bucket, _, key = path.partition("/")
    else:
        bucket, key = "", ""
    if not bucket or not key or parts.scheme not in {"http", "https"}:
        raise ValidationError(f"TemplateURL must be a supported URL: {url}")
    return bucket, key, version
