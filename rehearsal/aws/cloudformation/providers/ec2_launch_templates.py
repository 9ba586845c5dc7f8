"""EC2: launch templates."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, tag_changes, tag_list

NOT_FOUND = (
    "InvalidLaunchTemplateId.NotFound",
    "InvalidLaunchTemplateId.NotFoundException",
    "InvalidLaunchTemplateName.NotFoundException",
)


class LaunchTemplate:
    """AWS::EC2::LaunchTemplate. Ref is the template's id.

    A change makes a new version and leaves the default version alone, so a group must name LatestVersionNumber to
    notice. Stack tags are not put on launch templates (the type is not taggable by its schema): what its instances
    carry stands in LaunchTemplateData.TagSpecifications.
    """

    type_name = "AWS::EC2::LaunchTemplate"
    properties = frozenset({"LaunchTemplateData", "LaunchTemplateName", "TagSpecifications", "VersionDescription"})
    create_only = frozenset({"LaunchTemplateName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the template with version 1."""
        ec2 = context.client("ec2")
        values = {
            **properties,
            "LaunchTemplateName": properties.get("LaunchTemplateName") or context.physical_name(128),
        }
        made = ec2.create_launch_template(**api_values(ec2, "CreateLaunchTemplate", values))
        return self._made(ec2, made["LaunchTemplate"]["LaunchTemplateId"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Add a version when the data changed; change the template's own tags."""
        ec2 = context.client("ec2")
        names = ("LaunchTemplateData", "VersionDescription")
        if any(old.get(name) != new.get(name) for name in names):
            values = {"LaunchTemplateId": physical_id, **{name: new.get(name) for name in names}}
            ec2.create_launch_template_version(**api_values(ec2, "CreateLaunchTemplateVersion", values))
        gone, changed = tag_changes(self._tags(old), self._tags(new))
        if gone:
            ec2.delete_tags(Resources=[physical_id], Tags=[{"Key": key} for key in gone])
        if changed:
            ec2.create_tags(Resources=[physical_id], Tags=tag_list(changed))
        return self._made(ec2, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the template with all its versions."""
        with already_gone(*NOT_FOUND):
            context.client("ec2").delete_launch_template(LaunchTemplateId=physical_id)

    @staticmethod
    def _tags(properties: dict[str, Any]) -> dict[str, str]:
        specifications = properties.get("TagSpecifications") or []
        return {tag["Key"]: tag["Value"] for item in specifications for tag in item.get("Tags") or []}

    @staticmethod
    def _made(ec2: Any, template_id: str) -> Made:
        template = ec2.describe_launch_templates(LaunchTemplateIds=[template_id])["LaunchTemplates"][0]
        attributes = {
            "LaunchTemplateId": template_id,
            "DefaultVersionNumber": str(template["DefaultVersionNumber"]),
            "LatestVersionNumber": str(template["LatestVersionNumber"]),
        }
        return Made(template_id, attributes)


register(LaunchTemplate())
