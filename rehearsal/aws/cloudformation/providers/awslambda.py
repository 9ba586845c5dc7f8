"""Lambda: functions, who may invoke them, and what an asynchronous invocation or an event source does."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    refuse_others,
    tag_changes,
    tags_of,
)

NAME_LENGTH = 64
GONE = "ResourceNotFoundException"
CODE_PROPERTIES = frozenset({"S3Bucket", "S3Key", "S3ObjectVersion"})
DEFAULTS: dict[str, Any] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "KmsKeyArn": "",
    "LoggingConfig": {},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SecurityGroupIds": [], "SubnetIds": []},
}
"""What a setting goes back to when the template no longer names it (API reference of CreateFunction)."""


class Function:
    """AWS::Lambda::Function from a zip in S3. Ref is the function's name."""

    type_name = "AWS::Lambda::Function"
    settings = frozenset(DEFAULTS) | {"Handler", "Role", "Runtime"}
    properties = settings | {
        "Architectures",
        "Code",
        "FunctionName",
        "PackageType",
        "ReservedConcurrentExecutions",
        "Tags",
    }
    create_only = frozenset({"FunctionName", "PackageType"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the function from its zip."""
        client = context.client("lambda")
        name = properties.get("FunctionName") or context.physical_name(NAME_LENGTH)
        taken = self.settings | {"Architectures", "PackageType"}
        values = _renamed({key: properties[key] for key in taken if key in properties})
        request = {
            **values,
            "FunctionName": name,
            "Code": _code(properties),
            "Tags": tags_of(context, properties.get("Tags")),
        }
        arn = client.create_function(**api_values(client, "CreateFunction", request))["FunctionArn"]
        self._reserve(client, name, {}, properties)
        return Made(name, {"Arn": arn})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change code, configuration, concurrency and tags in place."""
        client = context.client("lambda")
        if old.get("Code") != new.get("Code") or old.get("Architectures") != new.get("Architectures"):
            request = {**_code(new), "Architectures": new.get("Architectures"), "FunctionName": physical_id}
            client.update_function_code(**api_values(client, "UpdateFunctionCode", request))
        changed = {key for key in self.settings if old.get(key) != new.get(key)}
        if changed:
            values = _renamed({key: new.get(key, DEFAULTS.get(key)) for key in changed})
            request = {**values, "FunctionName": physical_id}
            client.update_function_configuration(**api_values(client, "UpdateFunctionConfiguration", request))
        self._reserve(client, physical_id, old, new)
        function = client.get_function(FunctionName=physical_id)
        arn = function["Configuration"]["FunctionArn"]
        gone, put = tag_changes(function.get("Tags") or {}, tags_of(context, new.get("Tags")))
        if gone:
            client.untag_resource(Resource=arn, TagKeys=gone)
        if put:
            client.tag_resource(Resource=arn, Tags=put)
        return Made(physical_id, {"Arn": arn})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the function."""
        with already_gone(GONE):
            context.client("lambda").delete_function(FunctionName=physical_id)

    @staticmethod
    def _reserve(client: Any, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = old.get("ReservedConcurrentExecutions"), new.get("ReservedConcurrentExecutions")
        if after is not None and after != before:
            request = {"FunctionName": name, "ReservedConcurrentExecutions": after}
            client.put_function_concurrency(**api_values(client, "PutFunctionConcurrency", request))
        elif after is None and before is not None:
            client.delete_function_concurrency(FunctionName=name)


class Permission:
    """AWS::Lambda::Permission. Every property is create-only; the physical id is the statement's id."""

    type_name = "AWS::Lambda::Permission"
    properties = frozenset({"Action", "FunctionName", "Principal", "PrincipalOrgID", "SourceAccount", "SourceArn"})
    create_only = properties

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Add the statement to the function's policy."""
        client = context.client("lambda")
        statement = context.physical_name(100)
        client.add_permission(**api_values(client, "AddPermission", {**properties, "StatementId": statement}))
        return Made(statement, {"Id": statement})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Nothing of a permission changes in place."""
        raise ProviderError(f"{self.type_name} {physical_id} can only be replaced")

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Take the statement out of the policy."""
        with already_gone(GONE):
            context.client("lambda").remove_permission(FunctionName=properties["FunctionName"], StatementId=physical_id)


class EventInvokeConfig:
    """AWS::Lambda::EventInvokeConfig for $LATEST."""

    type_name = "AWS::Lambda::EventInvokeConfig"
    settings = frozenset({"DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"})
    properties = settings | {"FunctionName", "Qualifier"}
    create_only = frozenset({"FunctionName", "Qualifier"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Put the configuration of the function's asynchronous invocations."""
        if properties["Qualifier"] != "$LATEST":
            raise ProviderError(f"property Qualifier is {properties['Qualifier']!r}; the local AWS offers: $LATEST")
        self._put(context, properties)
        return Made(f"{properties['FunctionName']}|{properties['Qualifier']}")

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Put it anew, which replaces every setting."""
        self._put(context, new)
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Go back to Lambda's defaults."""
        with already_gone(GONE):
            context.client("lambda").delete_function_event_invoke_config(FunctionName=properties["FunctionName"])

    def _put(self, context: Context, properties: dict[str, Any]) -> None:
        client = context.client("lambda")
        values = {key: properties[key] for key in self.settings | {"FunctionName"} if key in properties}
        client.put_function_event_invoke_config(**api_values(client, "PutFunctionEventInvokeConfig", values))


class EventSourceMapping:
    """AWS::Lambda::EventSourceMapping of a DynamoDB stream. Ref is the mapping's UUID."""

    type_name = "AWS::Lambda::EventSourceMapping"
    settings = frozenset(
        "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled FilterCriteria FunctionName "
        "MaximumRecordAgeInSeconds MaximumRetryAttempts".split()
    )
    properties = settings | {"EventSourceArn", "StartingPosition", "Tags"}
    create_only = frozenset({"EventSourceArn", "StartingPosition"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Connect the stream with the function."""
        if ":dynamodb:" not in str(properties["EventSourceArn"]):
            raise ProviderError(
                f"property EventSourceArn is {properties['EventSourceArn']!r}; the local AWS reads DynamoDB streams"
            )
        client = context.client("lambda")
        values = {**properties, "Tags": tags_of(context, properties.get("Tags"))}
        made = client.create_event_source_mapping(**api_values(client, "CreateEventSourceMapping", values))
        return self._made(made)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change how batches are made and what happens to failed ones; the position in the stream stays."""
        client = context.client("lambda")
        changed = {key: new[key] for key in self.settings if key in new and old.get(key) != new[key]}
        dropped = [key for key in self.settings if key in old and key not in new]
        if dropped:
            raise ProviderError(f"taking away {', '.join(sorted(dropped))} is not supported by the local AWS")
        request = api_values(client, "UpdateEventSourceMapping", {**changed, "UUID": physical_id})
        return self._made(client.update_event_source_mapping(**request))

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Disconnect stream and function."""
        with already_gone(GONE, "404"):
            context.client("lambda").delete_event_source_mapping(UUID=physical_id)

    @staticmethod
    def _made(mapping: dict[str, Any]) -> Made:
        return Made(mapping["UUID"], {"Id": mapping["UUID"], "EventSourceMappingArn": mapping["EventSourceMappingArn"]})


def _code(properties: dict[str, Any]) -> dict[str, Any]:
    """Where the zip is. A plain path means that nobody has run `aws cloudformation package`."""
    code = properties.get("Code")
    if not isinstance(code, dict) or "S3Bucket" not in code or "S3Key" not in code:
        raise ProviderError(f"property Code must name S3Bucket and S3Key, not {code!r}")
    refuse_others(code, CODE_PROPERTIES, "Code")
    return code


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Template properties under the API's names: KmsKeyArn is KMSKeyArn there."""
    return {("KMSKeyArn" if key == "KmsKeyArn" else key): value for key, value in values.items()}


for provider in (Function(), Permission(), EventInvokeConfig(), EventSourceMapping()):
    register(provider)
