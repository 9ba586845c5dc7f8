"""Systems Manager: parameters."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, tag_changes, tag_list, tags_of

NAME_LENGTH = 1011


class Parameter:
    """AWS::SSM::Parameter of type String or StringList. Ref is the parameter's name."""

    type_name = "AWS::SSM::Parameter"
    properties = frozenset("AllowedPattern DataType Description Name Policies Tags Tier Type Value".split())
    create_only = frozenset({"Name"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the parameter; one that exists is an error, as in CloudFormation."""
        ssm = context.client("ssm")
        name = properties.get("Name") or context.physical_name(NAME_LENGTH)
        values = self._values(properties, name)
        values["Tags"] = tag_list(tags_of(context, properties.get("Tags")))
        ssm.put_parameter(**api_values(ssm, "PutParameter", values))
        return self._made(context, name, properties)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Write a new version over the old one; tags are changed apart, the API takes none when it overwrites."""
        ssm = context.client("ssm")
        before, after = self._values(old, physical_id), self._values(new, physical_id)
        if before != after:
            ssm.put_parameter(**api_values(ssm, "PutParameter", {**after, "Overwrite": True}))
        found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=physical_id)["TagList"]
        present = {tag["Key"]: tag["Value"] for tag in found}
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags")))
        if gone:
            ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=physical_id, TagKeys=gone)
        if changed:
            ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=physical_id, Tags=tag_list(changed))
        return self._made(context, physical_id, new)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the parameter with its history."""
        with already_gone("ParameterNotFound"):
            context.client("ssm").delete_parameter(Name=physical_id)

    def _values(self, properties: dict[str, Any], name: str) -> dict[str, Any]:
        kind = properties.get("Type")
        if kind not in ("String", "StringList"):
            raise ProviderError(
                f"property Type must be String or StringList, not {kind!r}: CloudFormation makes no other"
            )
        return {**{key: properties.get(key) for key in self.properties - {"Tags"}}, "Name": name}

    @staticmethod
    def _made(context: Context, name: str, properties: dict[str, Any]) -> Made:
        place = f"{context.partition}:ssm:{context.region}:{context.account_id}"
        arn = f"arn:{place}:parameter/{name.lstrip('/')}"
        return Made(name, {"Arn": arn, "Type": properties["Type"], "Value": str(properties["Value"])})


register(Parameter())
