"""DynamoDB: tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    boolean,
    document,
    refuse_others,
    tag_changes,
    tag_list,
    tags_of,
)

ACTIVE_SECONDS = 600.0


class Table:
    """AWS::DynamoDB::Table. Ref is the table's name."""

    type_name = "AWS::DynamoDB::Table"
    properties = frozenset(
        "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes KeySchema "
        "LocalSecondaryIndexes PointInTimeRecoverySpecification ProvisionedThroughput "
        "ResourcePolicy SSESpecification StreamSpecification TableName Tags "
        "TimeToLiveSpecification".split()
    )
    create_only = frozenset({"KeySchema", "LocalSecondaryIndexes", "TableName"})
    passed = frozenset(
        "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes KeySchema "
        "LocalSecondaryIndexes ProvisionedThroughput".split()
    )

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the table, wait until it is active, then set what the create call does not take."""
        dynamodb = context.client("dynamodb")
        name = properties.get("TableName") or context.physical_name(255)
        values = {key: properties.get(key) for key in self.passed}
        values |= {"TableName": name, "BillingMode": properties.get("BillingMode", "PROVISIONED")}
        values["SSESpecification"] = self._encryption(properties)
        values["StreamSpecification"] = self._stream(properties)
        values["Tags"] = tag_list(tags_of(context, properties.get("Tags"), system=False))
        values["ResourcePolicy"] = self._resource_policy(properties)
        dynamodb.create_table(**api_values(dynamodb, "CreateTable", values))
        context.initiated(name)
        self._wait(context, name)
        self._recovery_and_expiry(dynamodb, name, {}, properties)
        return self._made(dynamodb, name)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change what changed, one UpdateTable for each subject, as the API takes only one at a time."""
        dynamodb = context.client("dynamodb")
        name = physical_id
        if old.get("GlobalSecondaryIndexes") != new.get("GlobalSecondaryIndexes"):
            raise ProviderError("changing GlobalSecondaryIndexes of a table is not supported by the local AWS")
        for change in self._changes(old, new):
            dynamodb.update_table(**api_values(dynamodb, "UpdateTable", {"TableName": name, **change}))
            self._wait(context, name)
        self._recovery_and_expiry(dynamodb, name, old, new)
        made = self._made(dynamodb, name)
        arn = made.attributes["Arn"]
        self._change_resource_policy(dynamodb, arn, old, new)
        present = {tag["Key"]: tag["Value"] for tag in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]}
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags"), system=False))
        if gone:
            dynamodb.untag_resource(ResourceArn=arn, TagKeys=gone)
        if changed:
            dynamodb.tag_resource(ResourceArn=arn, Tags=tag_list(changed))
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the table and wait until it is gone; deletion protection makes DynamoDB refuse."""
        dynamodb = context.client("dynamodb")
        with already_gone("ResourceNotFoundException"):
            dynamodb.delete_table(TableName=physical_id)

        def deleted() -> bool:
            try:
                dynamodb.describe_table(TableName=physical_id)
            except dynamodb.exceptions.ResourceNotFoundException:
                return True
            return False

        context.wait(deleted, ACTIVE_SECONDS, f"table {physical_id} is still being deleted")

    def _changes(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = []
        billing = ("BillingMode", "ProvisionedThroughput")
        if any(old.get(name) != new.get(name) for name in billing):
            changes.append({name: new.get(name) for name in billing})
        protected = new.get("DeletionProtectionEnabled", False)
        if old.get("DeletionProtectionEnabled", False) != protected:
            changes.append({"DeletionProtectionEnabled": protected})
        if self._encryption(old) != self._encryption(new):
            changes.append({"SSESpecification": self._encryption(new) or {"Enabled": False}})
        stream, was = self._stream(new), self._stream(old)
        if stream != was:
            # The view of a live stream cannot change: it ends first, and the table gets a new stream.
            changes += [{"StreamSpecification": {"StreamEnabled": False}}] if was else []
            changes += [{"StreamSpecification": stream}] if stream else []
        return changes

    @staticmethod
    def _wait(context: Context, name: str) -> None:
        dynamodb = context.client("dynamodb")

        def active() -> bool:
            return bool(dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")

        context.wait(active, ACTIVE_SECONDS, f"table {name} is still not active")

    @staticmethod
    def _encryption(properties: Mapping[str, Any]) -> dict[str, Any] | None:
        given = properties.get("SSESpecification")
        if given is None:
            return None
        refuse_others(given, ("KMSMasterKeyId", "SSEEnabled", "SSEType"), "SSESpecification")
        renamed = {"Enabled": boolean(given.get("SSEEnabled", False), "SSESpecification.SSEEnabled")}
        return renamed | {key: given[key] for key in ("KMSMasterKeyId", "SSEType") if given.get(key)}

    @staticmethod
    def _stream(properties: Mapping[str, Any]) -> dict[str, Any] | None:
        given = properties.get("StreamSpecification")
        if not given:
            return None
        refuse_others(given, ("StreamViewType",), "StreamSpecification")
        return {"StreamEnabled": True, "StreamViewType": given["StreamViewType"]}

    @staticmethod
    def _resource_policy(properties: Mapping[str, Any]) -> str | None:
        given = properties.get("ResourcePolicy")
        if not given:
            return None
        refuse_others(given, ("PolicyDocument",), "ResourcePolicy")
        return document(given["PolicyDocument"])

    def _change_resource_policy(self, dynamodb: Any, arn: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        policy = self._resource_policy(new)
        if policy and policy != self._resource_policy(old):
            dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy)
        elif self._resource_policy(old) and not policy:
            dynamodb.delete_resource_policy(ResourceArn=arn)

    @staticmethod
    def _recovery_and_expiry(dynamodb: Any, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        recovery = new.get("PointInTimeRecoverySpecification")
        if recovery != old.get("PointInTimeRecoverySpecification"):
            values = {
                "TableName": name,
                "PointInTimeRecoverySpecification": recovery or {"PointInTimeRecoveryEnabled": False},
            }
            dynamodb.update_continuous_backups(**api_values(dynamodb, "UpdateContinuousBackups", values))
        expiry, was = new.get("TimeToLiveSpecification"), old.get("TimeToLiveSpecification")
        if expiry != was:
            off = {**(was or {}), "Enabled": False}
            values = {"TableName": name, "TimeToLiveSpecification": expiry or off}
            dynamodb.update_time_to_live(**api_values(dynamodb, "UpdateTimeToLive", values))

    @staticmethod
    def _made(dynamodb: Any, name: str) -> Made:
        table = dynamodb.describe_table(TableName=name)["Table"]
        stream = {"StreamArn": table["LatestStreamArn"]} if table.get("LatestStreamArn") else {}
        return Made(name, {"Arn": table["TableArn"], **stream})


register(Table())
