"""The parameters of the image stack, in the order in which the console shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import Template

from generator.image.kinds import Choice, ComponentParameter, Given, SubnetId, choice, flag, given
from generator.parameters import Parameters
from generator.root_parameters import RETENTION_DAYS
from generator.values import Number, PolicyArn, RolePath, Value, VpcId

# CloudFormation cannot loop over a list, so each further region has a conditional place (distribution.py).
MAX_COPIES = 3
# Image Builder keeps at least this many of what an age selects (API reference, LifecyclePolicyDetailFilter).
MAX_KEPT = 10
# https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_LifecyclePolicyDetailExclusionRulesAmisLastLaunched.html
MAX_LAUNCHED_DAYS = 365

_REGION = "[a-z]{2}(-[a-z]+)+-[0-9]"
_KEY_ARN = "arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+"


@dataclass(frozen=True)
class ImageParameters:
    """Lists are texts with commas: their conditional places are cut from them."""

    vpc_id: VpcId
    subnet_id: SubnetId
    egress_cidr: Given
    minor: Choice
    architecture: Choice
    base_image: Given
    volume_gib: Number
    instance_type: Given
    ends_failed_builds: Choice
    key_arn: Given
    copy_regions: Given
    copy_key_arns: Given
    account_ids: Given
    organization_arns: Given
    schedule: Given
    only_changes: Choice
    deletes: Choice
    delete_after_days: Number
    kept_images: Number
    launched_days: Number
    log_bucket: Given
    log_retention_days: Number
    permissions_boundary_arn: PolicyArn
    role_path: RolePath
    of_components: Mapping[str, Value]


def declare(
    template: Template, minors: Iterable[str], architectures: Iterable[str], of_components: Iterable[ComponentParameter]
) -> ImageParameters:
    """Every parameter; the first minor and the first architecture are the defaults."""
    parameters = Parameters(template)
    declared = ImageParameters(
        vpc_id=parameters.add("Network", "VpcId", VpcId, "VPC", "ID of the VPC in which images are built"),
        subnet_id=parameters.add(
            "Network",
            "SubnetId",
            SubnetId,
            "Subnet",
            "ID of a private subnet of the VPC, from which the endpoints of Image Builder, Systems Manager, CloudWatch "
            "Logs, S3 and the sources of the components are reached",
        ),
        egress_cidr=parameters.add(
            "Network",
            "EgressCidr",
            Given,
            "Egress",
            "IPv4 CIDR block that build and test instances may reach on port 443; the default leads no further than "
            "the routes of the subnet",
            Default="0.0.0.0/0",
            AllowedPattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$",
            ConstraintDescription="must be a range such as 10.1.0.0/16",
        ),
        minor=choice(
            parameters, "Image", "KubernetesMinor", "Kubernetes", "Minor version of Kubernetes in the image", minors
        ),
        architecture=choice(
            parameters, "Image", "Architecture", "Architecture", "Architecture of the image", architectures
        ),
        base_image=given(
            parameters,
            "Image",
            "BaseImage",
            "Base image",
            "ID of an AMI of Amazon Linux 2023 that images are built from; empty for the newest one at each build",
            "ami-[0-9a-f]{8,17}",
            "the ID of an AMI",
        ),
        volume_gib=parameters.add(
            "Image",
            "RootVolumeGib",
            Number,
            "Root volume (GiB)",
            "Size of the image's root volume in GiB; an instance's may be larger, and not smaller",
            Default=20,
            MinValue=8,
            MaxValue=1024,
        ),
        **_builds(parameters),
        **_distribution(parameters),
        **_lifecycle(parameters),
        **_account(parameters),
        of_components={each.name: _of_component(parameters, each) for each in of_components},
    )
    parameters.add_interface()
    return declared


def _builds(parameters: Parameters) -> dict[str, Any]:
    group = "Builds"
    return {
        "instance_type": given(
            parameters,
            group,
            "BuildInstanceType",
            "Instance type of builds",
            "EC2 instance type on which images are built and tested, of the same architecture; empty for a large one "
            "of the newest general purpose generation",
            r"[a-z][a-z0-9-]*\.[a-z0-9-]+",
            "an instance type such as m7i.large",
        ),
        "ends_failed_builds": flag(
            parameters,
            group,
            "TerminateOnFailure",
            "Terminate instances of failed builds",
            "Whether the instance of a build that failed is terminated; false keeps it for a look, at its price",
            default="true",
        ),
        "schedule": given(
            parameters,
            group,
            "ScheduleExpression",
            "Schedule",
            "When images are built by themselves, such as cron(0 3 ? * sun *) in UTC; empty for never",
            r"(cron|rate)\([^()]+\)",
            "an expression such as cron(0 3 ? * sun *)",
        ),
        "only_changes": flag(
            parameters,
            group,
            "ScheduleOnlyOnChanges",
            "Build on schedule only what changed",
            "Whether the schedule builds only where the base image or a component has changed since the last build",
            default="true",
        ),
    }


def _distribution(parameters: Parameters) -> dict[str, Any]:
    group = "Distribution"
    return {
        "key_arn": given(
            parameters,
            group,
            "KmsKeyArn",
            "KMS key",
            "ARN of the KMS key that encrypts the image; empty for the account's own key of EBS, with which no image "
            "can be shared",
            _KEY_ARN,
            "the ARN of a KMS key or of an alias",
        ),
        "copy_regions": given(
            parameters,
            group,
            "CopyRegions",
            "Further regions",
            f"Up to {MAX_COPIES} comma-separated regions that get a copy of each image; empty for none",
            f"{_REGION}(,{_REGION}){{0,{MAX_COPIES - 1}}}",
            f"up to {MAX_COPIES} regions, separated by commas without blanks",
        ),
        "copy_key_arns": given(
            parameters,
            group,
            "CopyKmsKeyArns",
            "KMS keys of the copies",
            "Comma-separated ARNs of the KMS keys of the copies, in the order of the regions; empty for the account's "
            "own keys of EBS",
            f"{_KEY_ARN}(,{_KEY_ARN}){{0,{MAX_COPIES - 1}}}",
            "as many ARNs of KMS keys or aliases as regions, separated by commas without blanks",
        ),
        "account_ids": given(
            parameters,
            group,
            "LaunchAccountIds",
            "Accounts",
            "Comma-separated IDs of other accounts that may launch the image; empty for none",
            "[0-9]{12}(,[0-9]{12})*",
            "account IDs of twelve digits, separated by commas without blanks",
        ),
        "organization_arns": given(
            parameters,
            group,
            "LaunchOrganizationArns",
            "Organizations",
            "Comma-separated ARNs of organizations whose accounts may launch the image; empty for none",
            "arn:[a-z-]+:organizations::[0-9]{12}:organization/o-[a-z0-9]+"
            "(,arn:[a-z-]+:organizations::[0-9]{12}:organization/o-[a-z0-9]+)*",
            "ARNs of organizations, separated by commas without blanks",
        ),
    }


def _lifecycle(parameters: Parameters) -> dict[str, Any]:
    group = "Old images"
    return {
        "deletes": flag(
            parameters,
            group,
            "DeleteOldImages",
            "Delete old images",
            "Whether old images are deleted, with their AMIs and snapshots; never one that is tagged as in use",
            default="false",
        ),
        "delete_after_days": parameters.add(
            group,
            "DeleteAfterDays",
            Number,
            "Age of old images (days)",
            "How old an image has to be before it is deleted",
            Default=180,
            MinValue=1,
            MaxValue=1000,
        ),
        "kept_images": parameters.add(
            group,
            "KeepImages",
            Number,
            "Images to keep",
            "How many images are kept however old they are",
            Default=MAX_KEPT,
            MinValue=1,
            MaxValue=MAX_KEPT,
        ),
        "launched_days": parameters.add(
            group,
            "KeepLaunchedDays",
            Number,
            "Days since the last launch",
            "How many days an AMI is kept after the last launch of an instance of it",
            Default=MAX_LAUNCHED_DAYS,
            MinValue=1,
            MaxValue=MAX_LAUNCHED_DAYS,
        ),
    }


def _account(parameters: Parameters) -> dict[str, Any]:
    group = "Account"
    return {
        "log_bucket": given(
            parameters,
            group,
            "LogBucket",
            "Bucket for logs",
            "Name of an S3 bucket that gets the builds' logs besides CloudWatch Logs; empty for none",
            "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            "the name of a bucket",
        ),
        "log_retention_days": parameters.add(
            group,
            "LogRetentionDays",
            Number,
            "Log retention (days)",
            "How long CloudWatch Logs keeps the logs of builds",
            Default=90,
            AllowedValues=RETENTION_DAYS,
        ),
        "permissions_boundary_arn": parameters.add(
            group,
            "PermissionsBoundaryArn",
            PolicyArn,
            "Permissions boundary",
            "ARN of the managed policy that is the permissions boundary of the stack's roles; empty for none",
            Default="",
            AllowedPattern="^(arn:[a-z-]+:iam::[0-9]{12}:policy/.+)?$",
            ConstraintDescription="must be empty or the ARN of a managed policy",
        ),
        "role_path": parameters.add(
            group,
            "RolePath",
            RolePath,
            "IAM role path",
            "IAM path of the stack's roles and of its instance profile",
            Default="/holdfast/",
            AllowedPattern="^/([!-~]+/)?$",
            ConstraintDescription="must start and end with a slash",
        ),
    }


def _of_component(parameters: Parameters, each: ComponentParameter) -> Given:
    given = {} if each.default is None else {"Default": each.default}
    return parameters.add(
        "Sources",
        each.name,
        Given,
        each.name,
        each.description,
        **given,
        AllowedPattern="^.*[^/]$",
        ConstraintDescription="must not be empty, and not end with a slash",
    )
