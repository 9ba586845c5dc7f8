"""KMS: keys and aliases."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    boolean,
    document,
    integer,
    tag_changes,
    tag_list,
    tags_of,
)

DEFAULT_WAITING_DAYS = 30  # KMS's own default for PendingWindowInDays


class Key:
    """AWS::KMS::Key. Ref is the key's id; deleting schedules the deletion, as KMS never deletes at once."""

    type_name = "AWS::KMS::Key"
    properties = frozenset(
        "Description EnableKeyRotation Enabled KeyPolicy KeySpec KeyUsage MultiRegion PendingWindowInDays "
        "RotationPeriodInDays Tags".split()
    )
    create_only: frozenset[str] = frozenset()

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the key with its policy, then switch its rotation on."""
        kms = context.client("kms")
        values = {key: properties.get(key) for key in ("Description", "KeySpec", "KeyUsage", "MultiRegion")}
        values["Policy"] = properties.get("KeyPolicy")
        values["Tags"] = tag_list(tags_of(context, properties.get("Tags"), system=False), "TagKey", "TagValue")
        key = kms.create_key(**api_values(kms, "CreateKey", values))["KeyMetadata"]
        context.initiated(key["KeyId"])
        self._switches(kms, key["KeyId"], {}, properties)
        return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change policy, description, rotation and tags in place; what a key is can never change, nor be replaced."""
        for name in ("KeySpec", "KeyUsage", "MultiRegion"):
            if old.get(name) != new.get(name):
                raise ProviderError(f"You cannot change the {name} of an existing KMS key")
        kms = context.client("kms")
        if new.get("KeyPolicy") and old.get("KeyPolicy") != new["KeyPolicy"]:
            kms.put_key_policy(KeyId=physical_id, PolicyName="default", Policy=document(new["KeyPolicy"]))
        if old.get("Description") != new.get("Description"):
            kms.update_key_description(KeyId=physical_id, Description=new.get("Description", ""))
        self._switches(kms, physical_id, old, new)
        present = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=physical_id)["Tags"]}
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags"), system=False))
        if gone:
            kms.untag_resource(KeyId=physical_id, TagKeys=gone)
        if changed:
            kms.tag_resource(KeyId=physical_id, Tags=tag_list(changed, "TagKey", "TagValue"))
        return Made(
            physical_id, {"Arn": kms.describe_key(KeyId=physical_id)["KeyMetadata"]["Arn"], "KeyId": physical_id}
        )

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Schedule the deletion after PendingWindowInDays (7 to 30)."""
        days = integer(properties.get("PendingWindowInDays", DEFAULT_WAITING_DAYS), "PendingWindowInDays")
        kms = context.client("kms")
        with already_gone("NotFoundException"):
            if kms.describe_key(KeyId=physical_id)["KeyMetadata"]["KeyState"] != "PendingDeletion":
                kms.schedule_key_deletion(KeyId=physical_id, PendingWindowInDays=days)

    @staticmethod
    def _switches(kms: Any, key_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        rotated = boolean(new.get("EnableKeyRotation", False), "EnableKeyRotation")
        was_rotated = boolean(old.get("EnableKeyRotation", False), "EnableKeyRotation")
        if rotated and (not was_rotated or old.get("RotationPeriodInDays") != new.get("RotationPeriodInDays")):
            values = {"KeyId": key_id, "RotationPeriodInDays": new.get("RotationPeriodInDays")}
            kms.enable_key_rotation(**api_values(kms, "EnableKeyRotation", values))
        if was_rotated and not rotated:
            kms.disable_key_rotation(KeyId=key_id)
        enabled, was_enabled = (boolean(values.get("Enabled", True), "Enabled") for values in (new, old))
        if was_enabled and not enabled:
            kms.disable_key(KeyId=key_id)
        if enabled and not was_enabled:
            kms.enable_key(KeyId=key_id)


class Alias:
    """AWS::KMS::Alias. Ref is the alias's name."""

    type_name = "AWS::KMS::Alias"
    properties = frozenset({"AliasName", "TargetKeyId"})
    create_only = frozenset({"AliasName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the alias; one that exists is an error, as in CloudFormation."""
        name = properties["AliasName"]
        context.client("kms").create_alias(AliasName=name, TargetKeyId=properties["TargetKeyId"])
        return Made(name)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Point the alias at another key."""
        context.client("kms").update_alias(AliasName=physical_id, TargetKeyId=new["TargetKeyId"])
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the alias; the key stays."""
        with already_gone("NotFoundException"):
            context.client("kms").delete_alias(AliasName=physical_id)


for provider in (Key(), Alias()):
    register(provider)
