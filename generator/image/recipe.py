"""What an image is built from: the base image, the components and the volume."""

from __future__ import annotations

from collections.abc import Sequence

from troposphere import If, Join, NoValue, StackName, Template
from troposphere import imagebuilder as ib

from coordination.names import IMAGE_TAG
from generator.image.components import Chosen
from generator.image.parameters import ImageParameters

# Architecture -> the newest Amazon Linux 2023, and what builds it where no type is given.
# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#launch-via-aws-cli
ARCHITECTURES = {
    "x86_64": {
        "BaseImage": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        "InstanceType": "m7i.large",
    },
    "arm64": {
        "BaseImage": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        "InstanceType": "m7g.large",
    },
}
# Of Amazon Linux 2023.
_ROOT_DEVICE = "/dev/xvda"
# A recipe never changes. What a parameter changes in one makes another, whose last place Image Builder counts up.
# https://docs.aws.amazon.com/imagebuilder/latest/userguide/create-image-recipes.html
_VERSION = "1.0.x"


def add(template: Template, given: ImageParameters, chosen: Sequence[Chosen]) -> ib.ImageRecipe:
    """The recipe."""
    return template.add_resource(
        ib.ImageRecipe(
            "Recipe",
            Name=StackName,
            Description=described(given),
            Version=_VERSION,
            # Resolved anew at each build; another value counts as a change for the schedule (API reference, Schedule).
            ParentImage=If("HasBaseImage", given.base_image, Join("", ["ssm:", of_architecture("BaseImage")])),
            Components=[each.configuration for each in chosen],
            BlockDeviceMappings=[
                ib.InstanceBlockDeviceMapping(
                    DeviceName=_ROOT_DEVICE,
                    Ebs=ib.EbsInstanceBlockDeviceSpecification(
                        Encrypted=True,
                        KmsKeyId=If("HasKey", given.key_arn, NoValue),
                        VolumeType="gp3",
                        VolumeSize=given.volume_gib,
                        DeleteOnTermination=True,
                    ),
                )
            ],
            # Shells on nodes need it, where a cluster has them.
            AdditionalInstanceConfiguration=ib.AdditionalInstanceConfiguration(
                SystemsManagerAgent=ib.SystemsManagerAgent(UninstallAfterBuild=False)
            ),
            Tags={IMAGE_TAG: StackName},
        )
    )


def described(given: ImageParameters) -> Join:
    """What is in the image, in a line."""
    return Join(" ", ["Kubernetes", given.minor, "on Amazon Linux 2023,", given.architecture])


def of_architecture(what: str) -> If:
    """What ARCHITECTURES says of the chosen one."""
    return If("IsArm", ARCHITECTURES["arm64"][what], ARCHITECTURES["x86_64"][what])
