"""Where images are built: instances of a private subnet, and what these may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import sts
from awacs.aws import Allow, Principal, Statement
from troposphere import GetAtt, If, Join, NoValue, Ref, Select, Split, StackName, Sub, Template
from troposphere import imagebuilder as ib
from troposphere.ec2 import SecurityGroup, SecurityGroupRule
from troposphere.iam import InstanceProfile
from troposphere.iam import Role as IamRole
from troposphere.logs import LogGroup

from coordination.names import IMAGE_TAG
from generator.grant import On, Role
from generator.image.components import Chosen
from generator.image.parameters import ImageParameters
from generator.image.permissions import granted_to
from generator.image.recipe import of_architecture
from generator.partition import service_principal
from generator.policies import attach_granted, condition, policy_dict
from generator.values import RoleName, Value

_LOG_PREFIX = "imagebuilder"
# Parameters of components (imagebuilder.components): each may be s3://bucket/key, or s3://bucket/prefix.
_OBJECTS = ("Sources", "CaBundle")
_PREFIXES = ("Files", "Registry")
# Where container images come from.
REGISTRY = "Registry"
INTERNET = "internet"


def add(
    template: Template, given: ImageParameters, chosen: Sequence[Chosen], logs: LogGroup
) -> ib.InfrastructureConfiguration:
    """The infrastructure configuration, with its role, its instance profile and its security group."""
    profile = _profile(template, given, chosen, logs)
    https = SecurityGroupRule(
        IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp=given.egress_cidr, Description="HTTPS to AWS and the sources"
    )
    group = template.add_resource(
        SecurityGroup(
            "BuildGroup",
            GroupDescription="Instances that build and test images",
            VpcId=given.vpc_id,
            SecurityGroupEgress=[https],
        )
    )
    stored = ib.Logging(S3Logs=ib.S3Logs(S3BucketName=given.log_bucket, S3KeyPrefix=_LOG_PREFIX))
    return template.add_resource(
        ib.InfrastructureConfiguration(
            "Infrastructure",
            Name=StackName,
            Description="Where images are built and tested: a private subnet, no key pair, instance metadata by IMDSv2",
            InstanceProfileName=Ref(profile),
            InstanceTypes=[If("HasInstanceType", given.instance_type, of_architecture("InstanceType"))],
            SubnetId=given.subnet_id,
            SecurityGroupIds=[GetAtt(group, "GroupId")],
            InstanceMetadataOptions=ib.InstanceMetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
            TerminateInstanceOnFailure=given.ends_failed_builds,
            Logging=If("HasLogBucket", stored, NoValue),
            ResourceTags={IMAGE_TAG: StackName},
            Tags={IMAGE_TAG: StackName},
            # The policies are there before anything is built with them.
            DependsOn=["BuildPolicy"],
        )
    )


def _profile(template: Template, given: ImageParameters, chosen: Sequence[Chosen], logs: LogGroup) -> InstanceProfile:
    # The same template is for every partition.
    ec2 = If("IsChina", service_principal("aws-cn", "ec2"), service_principal("aws", "ec2"))
    role = role_of(template, given, "BuildRole", ec2, "instances that build and test images")
    name = RoleName(Ref(role))
    resources: dict[On, list[Any]] = {
        On.ANY: ["*"],
        On.COMPONENTS: [each.arn for each in chosen],
        On.BUILDER_BUCKETS: [Sub("arn:${AWS::Partition}:s3:::ec2imagebuilder*")],
        On.BUILD_LOGS: [GetAtt(logs, "Arn")],
        On.SOURCES: [
            *(_in_s3(given.of_components[each]) for each in _OBJECTS),
            *(_in_s3(given.of_components[each], "/*") for each in _PREFIXES),
        ],
    }
    attach_granted(template, "image", name, granted_to(Role.BUILD), resources)
    objects = {On.LOG_BUCKET_OBJECTS: [Sub(f"arn:${{AWS::Partition}}:s3:::${{LogBucket}}/{_LOG_PREFIX}/*")]}
    stores = attach_granted(template, "image", name, granted_to(Role.BUILD), objects, about="LogBucket")
    stores.Condition = "HasLogBucket"
    images: dict[On, list[Any]] = {
        On.REGISTRY: ["*"],
        On.REPOSITORIES: [Sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*")],
    }
    pulls = attach_granted(template, "image", name, granted_to(Role.BUILD), images, about=REGISTRY)
    pulls.Condition = "HasRegistry"
    return template.add_resource(InstanceProfile("BuildInstanceProfile", Path=given.role_path, Roles=[Ref(role)]))


def _in_s3(value: Value, what: str = "") -> Sub:
    """The ARN of what `s3://…` names. For a value that names nothing in S3 it is one of a bucket that cannot be."""
    place = Select(1, Split("s3://", Join("", [value, "s3://-"])))
    return Sub(f"arn:${{AWS::Partition}}:s3:::${{Place}}{what}", Place=place)


def role_of(
    template: Template,
    given: ImageParameters,
    name: str,
    service: Any,
    whose: str,
    conditions: dict[str, dict[str, object]] | None = None,
) -> IamRole:
    """A role of this stack that `service` assumes."""
    extra = {"Condition": condition(conditions)} if conditions else {}
    trust = Statement(Effect=Allow, Action=[sts.AssumeRole], Principal=Principal("Service", [service]), **extra)
    return template.add_resource(
        IamRole(
            name,
            Description=f"Role of {whose}",
            Path=given.role_path,
            PermissionsBoundary=If("HasPermissionsBoundary", given.permissions_boundary_arn, NoValue),
            AssumeRolePolicyDocument=policy_dict([trust]),
        )
    )
