"""EC2 Image Builder. What is replaced says the types' public schema; each calls what the handlers there name.

Ref and the attribute Arn are the ARN, of a component with its build.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, tag_changes, tags_of

GONE = "ResourceNotFoundException"
# Free texts with meaning of their own: these keys are the template's, and no members of the API.
_FREE = frozenset({"Tags", "AmiTags", "ResourceTags", "ImageTags", "TagMap"})
# Members whose API name is another one than the property's with a small letter.
_RENAMED = {"LaunchPermissionConfiguration": "launchPermission", "Version": "semanticVersion"}


class BuilderResource:
    """One type: which operations make, change and delete it, and by which member they name it."""

    def __init__(self, kind: str, member: str, properties: str, *, changes: bool) -> None:
        self.type_name = f"AWS::ImageBuilder::{kind}"
        self.properties = frozenset(properties.split())
        self._kind = kind
        self._member = member
        self._changes = changes

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it, with the stack's tags: the types take none of CloudFormation's own."""
        client = context.client("imagebuilder")
        operation = f"Create{self._kind}"
        values = _translated(properties) | {"clientToken": uuid.uuid4().hex}
        values["tags"] = tags_of(context, properties.get("Tags"), system=False) or None
        return self._made(self._call(client, operation, values))

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change it where the API can, then its tags."""
        client = context.client("imagebuilder")
        own = {name: value for name, value in new.items() if name not in ("Name", "Tags")}
        if own != {name: value for name, value in old.items() if name not in ("Name", "Tags")}:
            if not self._changes:
                raise ProviderError(f"{self.type_name} never changes")
            # A lifecycle policy's resource type is a part of the request, although it does not change.
            values = _translated(own) | {"clientToken": uuid.uuid4().hex, self._member: physical_id}
            self._call(client, f"Update{self._kind}", values)
        present = client.list_tags_for_resource(resourceArn=physical_id)["tags"]
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags"), system=False))
        if gone:
            client.untag_resource(resourceArn=physical_id, tagKeys=gone)
        if changed:
            client.tag_resource(resourceArn=physical_id, tags=changed)
        return self._made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete it; Image Builder refuses while something needs it."""
        client = context.client("imagebuilder")
        with already_gone(GONE):
            self._call(client, f"Delete{self._kind}", {self._member: physical_id})

    def _call(self, client: Any, operation: str, values: Mapping[str, Any]) -> str:
        names = {name: method for method, name in client.meta.method_to_api_mapping.items()}
        answer = getattr(client, names[operation])(**api_values(client, operation, values))
        return str(answer[self._member])

    @staticmethod
    def _made(arn: str) -> Made:
        return Made(arn, {"Arn": arn})


def _translated(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as members of the API: their names begin with a small letter."""
    return {
        _RENAMED.get(name, f"{name[:1].lower()}{name[1:]}"): value if name in _FREE else _value(value)
        for name, value in properties.items()
    }


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _translated(value)
    if isinstance(value, list):
        return [_value(each) for each in value]
    return value


for each in (
    BuilderResource(
        "Component",
        "componentBuildVersionArn",
        "ChangeDescription Data Description Name Platform SupportedOsVersions Tags Version",
        changes=False,
    ),
    BuilderResource(
        "ImageRecipe",
        "imageRecipeArn",
        "AdditionalInstanceConfiguration AmiTags BlockDeviceMappings Components Description Name ParentImage Tags "
        "Version WorkingDirectory",
        changes=False,
    ),
    BuilderResource(
        "InfrastructureConfiguration",
        "infrastructureConfigurationArn",
        "Description InstanceMetadataOptions InstanceProfileName InstanceTypes KeyPair Logging Name ResourceTags "
        "SecurityGroupIds SnsTopicArn SubnetId Tags TerminateInstanceOnFailure",
        changes=True,
    ),
    BuilderResource(
        "DistributionConfiguration",
        "distributionConfigurationArn",
        "Description Distributions Name Tags",
        changes=True,
    ),
    BuilderResource(
        "ImagePipeline",
        "imagePipelineArn",
        "Description DistributionConfigurationArn EnhancedImageMetadataEnabled ImageRecipeArn ImageTags "
        "ImageTestsConfiguration InfrastructureConfigurationArn LoggingConfiguration Name Schedule Status Tags",
        changes=True,
    ),
    BuilderResource(
        "LifecyclePolicy",
        "lifecyclePolicyArn",
        "Description ExecutionRole Name PolicyDetails ResourceSelection ResourceType Status Tags",
        changes=True,
    ),
):
    register(each)
