"""The cluster table in DynamoDB: consistent reads, conditional writes, and a read after every doubtful write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from coordination.adapters.errors import AWS_ERRORS, code, unknown_of_table
from coordination.names import TABLE_KEY
from coordination.outcomes import Conflict, Done, Item, Known, NoTable, Reading, Throttled, Unknown, Write

# What a write expects to find: a field's value, or None for a field that must not exist. An item that must not exist
# is {TABLE_KEY: None}; {} is no condition at all.
Expected = Mapping[str, object]

ABSENT: Expected = {TABLE_KEY: None}
ANYTHING: Expected = {}


class ClusterTable:
    """The table `name`, through a DynamoDB client. No method raises for what AWS answers, or fails to."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, item_id: str) -> Reading[Item | None]:
        """The item, None if there is none."""
        try:
            answer = self._client.get_item(TableName=self._name, Key=_key(item_id), ConsistentRead=True)
        except AWS_ERRORS as error:
            return unknown_of_table("GetItem", error)
        return Known(_plain(answer["Item"]) if "Item" in answer else None)

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
        """Every item whose key starts with one of `prefixes`, in no order: all pages of them or nothing."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "ConsistentRead": True,
            "FilterExpression": " OR ".join(f"begins_with(#id, :p{index})" for index in range(len(prefixes))),
            "ExpressionAttributeNames": {"#id": TABLE_KEY},
            "ExpressionAttributeValues": {f":p{index}": {"S": prefix} for index, prefix in enumerate(prefixes)},
        }
        found: list[Item] = []
        while True:
            try:
                page = self._client.scan(**request)
            except AWS_ERRORS as error:
                return unknown_of_table("Scan", error)
            found += [_plain(item) for item in page.get("Items", [])]
            if not page.get("LastEvaluatedKey"):
                return Known(tuple(found))
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put(self, item: Item, expected: Expected) -> Write:
        """Store `item` in place of what is there, if that is as expected."""
        request = {"Item": _stored(item), **_condition(expected)}
        return self._write("PutItem", self._client.put_item, request, str(item[TABLE_KEY]), lambda now: now == item)

    def update(
        self, item_id: str, changes: Mapping[str, object], expected: Expected, defaults: Mapping[str, object] = {}
    ) -> Write:
        """Set the fields of `changes` (None removes one), and those of `defaults` that do not exist yet."""
        request = _condition(expected)
        names = request.setdefault("ExpressionAttributeNames", {})
        values = request.setdefault("ExpressionAttributeValues", {})
        setting, removing = [], []
        for index, (field, value) in enumerate(changes.items()):
            names[f"#c{index}"] = field
            if value is None:
                removing.append(f"#c{index}")
            else:
                values[f":c{index}"] = _SERIALIZER.serialize(value)
                setting.append(f"#c{index} = :c{index}")
        for index, (field, value) in enumerate(defaults.items()):
            names[f"#d{index}"] = field
            values[f":d{index}"] = _SERIALIZER.serialize(value)
            setting.append(f"#d{index} = if_not_exists(#d{index}, :d{index})")
        clauses = [("SET", setting), ("REMOVE", removing)]
        request["UpdateExpression"] = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)
        request["Key"] = _key(item_id)
        if not values:
            del request["ExpressionAttributeValues"]

        def happened(now: Item | None) -> bool:
            return now is not None and all(now.get(field) == value for field, value in changes.items())

        return self._write("UpdateItem", self._client.update_item, request, item_id, happened)

    def delete(self, item_id: str, expected: Expected) -> Write:
        """Delete the item, if it is as expected. An item that is gone already is Done."""
        request = {"Key": _key(item_id), **_condition(expected)}
        return self._write("DeleteItem", self._client.delete_item, request, item_id, lambda now: now is None)

    def deletion_protection(self) -> Reading[bool]:
        """Whether the table is protected against deletion."""
        try:
            answer = self._client.describe_table(TableName=self._name)
        except AWS_ERRORS as error:
            return unknown_of_table("DescribeTable", error)
        return Known(bool(answer["Table"].get("DeletionProtectionEnabled", False)))

    def protect(self) -> Done | Unknown:
        """Switch the protection against deletion on."""
        try:
            self._client.update_table(TableName=self._name, DeletionProtectionEnabled=True)
        except AWS_ERRORS as error:
            return unknown_of_table("UpdateTable", error)
        return Done()

    def _write(self, operation: str, call: Any, request: dict[str, Any], item_id: str, happened: Any) -> Write:
        """Send a write. Where it was refused, or its reply was lost, a fresh read says what is stored now.

        botocore repeats a call whose reply was lost, and the repetition of a conditional write is refused because the
        first one happened: so a refusal may hide a success as much as a lost reply does.
        """
        try:
            call(TableName=self._name, **request)
        except AWS_ERRORS as error:
            failure = unknown_of_table(operation, error)
            refused = code(error) == "ConditionalCheckFailedException"
            if isinstance(failure, NoTable | Throttled):
                return failure
            reading = self.get(item_id)
            if isinstance(reading, Unknown):
                return Unknown(f"{failure.reason}; then {reading.reason}")
            if happened(reading.value):
                return Done()
            return Conflict(reading.value) if refused else failure
        return Done()


_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


def _key(item_id: str) -> dict[str, Any]:
    return {TABLE_KEY: {"S": item_id}}


def _stored(item: Item) -> dict[str, Any]:
    return {field: _SERIALIZER.serialize(value) for field, value in item.items()}


def _plain(stored: Mapping[str, Any]) -> dict[str, object]:
    return {field: _number(_DESERIALIZER.deserialize(value)) for field, value in stored.items()}


def _number(value: object) -> object:
    """Whole numbers as int: boto3 gives every number as Decimal."""
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _condition(expected: Expected) -> dict[str, Any]:
    """The part of a request that states `expected`."""
    if not expected:
        return {}
    names = {f"#e{index}": field for index, field in enumerate(expected)}
    tests, values = [], {}
    for index, value in enumerate(expected.values()):
        if value is None:
            tests.append(f"attribute_not_exists(#e{index})")
        else:
            values[f":e{index}"] = _SERIALIZER.serialize(value)
            tests.append(f"#e{index} = :e{index}")
    condition: dict[str, Any] = {"ConditionExpression": " AND ".join(tests), "ExpressionAttributeNames": names}
    if values:
        condition["ExpressionAttributeValues"] = values
    return condition
