"""Systems Manager: parameters and documents."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.automation.document import DocumentError, read
from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    refuse_others,
    tag_changes,
    tag_list,
    tags_of,
)

NAME_LENGTH = 1011
DOCUMENT_NAME_LENGTH = 128
SESSION_INPUTS = frozenset(
    """
    cloudWatchEncryptionEnabled cloudWatchLogGroupName cloudWatchStreamingEnabled idleSessionTimeout kmsKeyId
    maxSessionDuration runAsDefaultUser runAsEnabled s3BucketName s3EncryptionEnabled s3KeyPrefix shellProfile
    """.split()
)
"""Systems Manager guide, "Session document schema"."""


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


class Document:
    """AWS::SSM::Document of type Session, which says what a session of Session Manager is like, or of type Automation.
    Ref is its name.

    With UpdateMethod Replace, the default, another content makes another document, with another name where the template
    gives none (template reference of the type). The local AWS plays that way alone.
    """

    type_name = "AWS::SSM::Document"
    properties = frozenset("Content DocumentFormat DocumentType Name Tags UpdateMethod".split())
    create_only = frozenset({"DocumentType", "Name"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the document."""
        if properties.get("UpdateMethod", "Replace") != "Replace":
            raise ProviderError("property UpdateMethod must be Replace: the local AWS plays no other")
        _check(properties.get("DocumentType"), properties["Content"])
        ssm = context.client("ssm")
        name = properties.get("Name") or context.physical_name(DOCUMENT_NAME_LENGTH)
        values = {key: properties.get(key) for key in ("Content", "DocumentFormat", "DocumentType")}
        if not isinstance(values["Content"], str):
            values["Content"] = json.dumps(values["Content"])
        tags = tag_list(tags_of(context, properties.get("Tags")))
        ssm.create_document(**api_values(ssm, "CreateDocument", {**values, "Name": name, "Tags": tags}))
        context.initiated(name)
        return Made(name)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Make another document where the content changes, and otherwise change the tags of this one."""
        if any(old.get(name) != new.get(name) for name in ("Content", "DocumentFormat")):
            if new.get("Name"):
                raise ProviderError(
                    f"CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                    f"Rename {new['Name']} and update the stack again."
                )
            return self.create(context, new)
        ssm = context.client("ssm")
        found = ssm.list_tags_for_resource(ResourceType="Document", ResourceId=physical_id)["TagList"]
        present = {tag["Key"]: tag["Value"] for tag in found}
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags")))
        if gone:
            ssm.remove_tags_from_resource(ResourceType="Document", ResourceId=physical_id, TagKeys=gone)
        if changed:
            ssm.add_tags_to_resource(ResourceType="Document", ResourceId=physical_id, Tags=tag_list(changed))
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the document with all its versions."""
        with already_gone("InvalidDocument"):
            context.client("ssm").delete_document(Name=physical_id)


def _check(kind: Any, content: Any) -> None:
    match kind:
        case "Session":
            _check_session(content)
        case "Automation":
            try:
                read(content)
            except DocumentError as error:
                raise ProviderError(f"property {error}") from None
        case _:
            raise ProviderError("property DocumentType must be Session or Automation: the local AWS plays no other")


def _check_session(content: Any) -> None:
    """Refuse what Systems Manager would refuse of a session's preferences, or drop: moto takes any JSON.

    The duration and the time-out are texts of whole minutes (Systems Manager guide, "Session document schema", "Specify
    maximum session duration" and "Specify an idle session timeout value").
    """
    given = json.loads(content) if isinstance(content, str) else content
    if (given.get("schemaVersion"), given.get("sessionType")) != ("1.0", "Standard_Stream"):
        raise ProviderError("property Content must be of schemaVersion 1.0 and sessionType Standard_Stream")
    inputs = given.get("inputs", {})
    refuse_others(inputs, SESSION_INPUTS, "Content.inputs")
    for name, most in (("idleSessionTimeout", 60), ("maxSessionDuration", 1440)):
        text = inputs.get(name, "1")
        if not (isinstance(text, str) and (text == "" or (text.isdecimal() and 1 <= int(text) <= most))):
            raise ProviderError(f"property Content.inputs.{name} must be minutes as text, 1 to {most}, not {text!r}")


for provider in (Parameter(), Document()):
    register(provider)
