"""CloudWatch Logs: log groups."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, integer, tag_changes, tags_of

NAME_LENGTH = 512


class LogGroup:
    """AWS::Logs::LogGroup. Ref is the group's name; Arn ends in ":*"."""

    type_name = "AWS::Logs::LogGroup"
    properties = frozenset({"KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"})
    create_only = frozenset({"LogGroupName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the group, then set its retention."""
        logs = context.client("logs")
        name = properties.get("LogGroupName") or context.physical_name(NAME_LENGTH)
        optional = {"kmsKeyId": properties.get("KmsKeyId"), "logGroupClass": properties.get("LogGroupClass")}
        optional["tags"] = tags_of(context, properties.get("Tags")) or None
        logs.create_log_group(logGroupName=name, **{key: value for key, value in optional.items() if value})
        context.initiated(name)
        self._retention(logs, name, {}, properties)
        return self._made(context, name)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change retention, key and tags."""
        logs = context.client("logs")
        self._retention(logs, physical_id, old, new)
        if new.get("KmsKeyId") and new["KmsKeyId"] != old.get("KmsKeyId"):
            logs.associate_kms_key(logGroupName=physical_id, kmsKeyId=new["KmsKeyId"])
        elif old.get("KmsKeyId") and not new.get("KmsKeyId"):
            logs.disassociate_kms_key(logGroupName=physical_id)
        arn = self._made(context, physical_id).attributes["Arn"].removesuffix(":*")
        present = logs.list_tags_for_resource(resourceArn=arn)["tags"]
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags")))
        if gone:
            logs.untag_resource(resourceArn=arn, tagKeys=gone)
        if changed:
            logs.tag_resource(resourceArn=arn, tags=changed)
        return self._made(context, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the group with all it holds."""
        with already_gone("ResourceNotFoundException"):
            context.client("logs").delete_log_group(logGroupName=physical_id)

    @staticmethod
    def _retention(logs: Any, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        if new.get("RetentionInDays") is not None:
            days = integer(new["RetentionInDays"], "RetentionInDays")
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        elif old.get("RetentionInDays") is not None:
            logs.delete_retention_policy(logGroupName=name)

    @staticmethod
    def _made(context: Context, name: str) -> Made:
        place = f"{context.partition}:logs:{context.region}:{context.account_id}"
        return Made(name, {"Arn": f"arn:{place}:log-group:{name}:*"})


register(LogGroup())
