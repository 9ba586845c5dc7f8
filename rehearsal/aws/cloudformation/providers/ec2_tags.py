"""Tags of EC2 resources, which all types put and change in the same way."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context
from rehearsal.aws.cloudformation.providers.translation import tag_changes, tag_list, tags_of


def specification(context: Context, resource_type: str, own: Any) -> list[dict[str, Any]]:
    """Return the TagSpecifications with which a create call makes a tagged resource."""
    tags = tags_of(context, own)
    return [{"ResourceType": resource_type, "Tags": tag_list(tags)}] if tags else []


def retag(context: Context, resource_id: str, own: Any) -> None:
    """Make the tags of an existing resource those of the stack and the template."""
    ec2 = context.client("ec2")
    found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"]
    gone, changed = tag_changes({tag["Key"]: tag["Value"] for tag in found}, tags_of(context, own))
    if gone:
        ec2.delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in gone])
    if changed:
        ec2.create_tags(Resources=[resource_id], Tags=tag_list(changed))
