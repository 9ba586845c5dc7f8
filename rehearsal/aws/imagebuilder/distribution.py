"""Where a built AMI goes: tags, launch permissions, copies in other regions, and the parameters that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from rehearsal.aws.imagebuilder.errors import BuildFailed
from rehearsal.aws.imagebuilder.model import Body, ImageBuild

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

WRITABLE = "/imagebuilder/"
"""The parameters that Image Builder's service-linked role writes begin so (policy AWSServiceRoleForImageBuilder)."""


class Distributing:
    """One AMI and its distribution configuration."""

    def __init__(self, aws: LocalAws, region: str, image: ImageBuild, ami: str) -> None:
        self._aws = aws
        self._region = region
        self._image = image
        self._amis = {region: ami}

    def copy(self) -> list[Body]:
        """Copy it into the other regions, and say who may launch it; the output resources. Raises BuildFailed."""
        found = self._describe(self._region, self._amis[self._region])
        for place in self._places():
            region, given = place["region"], place.get("amiDistributionConfiguration") or {}
            with _of_region(region):
                if region != self._region:
                    self._amis[region] = self._aws.client("ec2", region).copy_image(
                        Name=found["Name"], SourceImageId=found["ImageId"], SourceRegion=self._region
                    )["ImageId"]
                    tags = {**{each["Key"]: each["Value"] for each in found["Tags"]}, **(given.get("amiTags") or {})}
                    self._aws.client("ec2", region).create_tags(
                        Resources=[self._amis[region]], Tags=[{"Key": key, "Value": tags[key]} for key in tags]
                    )
                self._permit(region, given.get("launchPermission") or {})
        return [
            {
                "region": region,
                "image": ami,
                "name": found["Name"],
                "accountId": self._aws.account_id,
                "state": {"status": "AVAILABLE"},
            }
            for region, ami in self._amis.items()
        ]

    def put_parameters(self) -> None:
        """Name the AMI of each region in its parameters. Raises BuildFailed."""
        for place in self._places():
            region = place["region"]
            for each in place.get("ssmParameterConfigurations") or []:
                name = each["parameterName"]
                if not name.startswith(WRITABLE):
                    text = f"AWSServiceRoleForImageBuilder is not authorized to perform ssm:PutParameter on {name}"
                    raise _failed(region, text, "PUT_SSM_PARAMETERS")
                with _of_region(region, "PUT_SSM_PARAMETERS"):
                    self._aws.client("ssm", region).put_parameter(
                        Name=name,
                        Value=self._amis[region],
                        Type="String",
                        DataType=each.get("dataType") or "text",
                        Overwrite=True,
                    )

    def _permit(self, region: str, given: Body) -> None:
        added: list[dict[str, str]] = [{"UserId": each} for each in given.get("userIds") or []]
        added += [{"OrganizationArn": each} for each in given.get("organizationArns") or []]
        if added:
            self._aws.client("ec2", region).modify_image_attribute(
                ImageId=self._amis[region], LaunchPermission={"Add": added}
            )

    def _places(self) -> list[Body]:
        return list((self._image.distribution or {}).get("distributions") or [])

    def _describe(self, region: str, ami: str) -> Body:
        found: Body = self._aws.client("ec2", region).describe_images(ImageIds=[ami])["Images"][0]
        return found


@contextmanager
def _of_region(region: str, step: str = "") -> Iterator[None]:
    """An error of AWS in here is a failure of the region."""
    try:
        yield
    except ClientError as error:
        raise _failed(region, error.response["Error"].get("Message", str(error)), step) from error


def _failed(region: str, text: str, step: str) -> BuildFailed:
    failure: Body = {"region": region, "status": "FAILED", "errorMessage": text}
    if step:
        failure["imageConfigurationStep"] = step
    told = f"In region '{region}' - '{text}'"
    return BuildFailed(told, distribution={"errorMessage": told, "regionFailures": [failure]})
