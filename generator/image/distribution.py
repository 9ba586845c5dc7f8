"""Where images go: regions, accounts and organizations, and the parameter that names the newest."""

from __future__ import annotations

from typing import Any

from troposphere import If, Join, NoValue, Region, Select, Split, StackName, Sub, Template
from troposphere import imagebuilder as ib

from coordination.names import IMAGE_TAG, image_parameter
from generator.image.kinds import Given
from generator.image.parameters import MAX_COPIES, ImageParameters
from generator.image.recipe import described


def add(template: Template, given: ImageParameters) -> ib.DistributionConfiguration:
    """The distribution configuration: this region, and up to MAX_COPIES others."""
    copies = [
        If(
            f"HasCopy{number + 1}",
            _region(
                given,
                part(given.copy_regions, number),
                If(f"HasCopyKey{number + 1}", part(given.copy_key_arns, number), NoValue),
            ),
            NoValue,
        )
        for number in range(MAX_COPIES)
    ]
    return template.add_resource(
        ib.DistributionConfiguration(
            "Distribution",
            Name=StackName,
            Description="Where images go, who may launch them, and the parameter that names the newest",
            Distributions=[_region(given, Region, If("HasKey", given.key_arn, NoValue)), *copies],
            Tags={IMAGE_TAG: StackName},
        )
    )


def part(value: Given, number: int) -> Select:
    """One of the parts of a text with commas, of which there are up to MAX_COPIES; empty where there are fewer."""
    return Select(number, Split(",", Join("", [value, "," * (MAX_COPIES - 1)])))


def parameter_name() -> Sub:
    """The name of the parameter, the same in each region."""
    return Sub(image_parameter("${AWS::StackName}"))


def _region(given: ImageParameters, region: Any, key: Any) -> ib.Distribution:
    return ib.Distribution(
        Region=region,
        AmiDistributionConfiguration=ib.AmiDistributionConfiguration(
            Name=Sub("${AWS::StackName} {{ imagebuilder:buildDate }}"),
            Description=described(given),
            KmsKeyId=key,
            AmiTags={IMAGE_TAG: StackName, "holdfast:kubernetes": given.minor},
            LaunchPermissionConfiguration=ib.LaunchPermissionConfiguration(
                UserIds=If("HasAccounts", Split(",", given.account_ids), NoValue),
                OrganizationArns=If("HasOrganizations", Split(",", given.organization_arns), NoValue),
            ),
        ),
        SsmParameterConfigurations=[
            ib.SsmParameterConfiguration(ParameterName=parameter_name(), DataType="aws:ec2:image")
        ],
    )
