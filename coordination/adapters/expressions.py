"""From writes to DynamoDB's expressions and values, and back from values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from coordination.names import TABLE_KEY
from coordination.outcomes import Item

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


def key(item_id: str) -> dict[str, Any]:
    """The key of an item."""
    return {TABLE_KEY: {"S": item_id}}


def stored(item: Item) -> dict[str, Any]:
    """An item as DynamoDB takes it."""
    return {field: _SERIALIZER.serialize(value) for field, value in item.items()}


def plain(answer: Mapping[str, Any]) -> dict[str, object]:
    """An item as DynamoDB gives it."""
    return {field: _number(_DESERIALIZER.deserialize(value)) for field, value in answer.items()}


def condition(expected: Mapping[str, object]) -> dict[str, Any]:
    """The part of a request that states `expected`."""
    if not expected:
        return {}
    tests, values = [], {}
    for index, value in enumerate(expected.values()):
        if value is None:
            tests.append(f"attribute_not_exists(#e{index})")
        else:
            values[f":e{index}"] = _SERIALIZER.serialize(value)
            tests.append(f"#e{index} = :e{index}")
    return _request(
        {"ConditionExpression": " AND ".join(tests)},
        {f"#e{index}": field for index, field in enumerate(expected)},
        values,
    )


def changed(
    item_id: str, changes: Mapping[str, object], expected: Mapping[str, object], defaults: Mapping[str, object]
) -> dict[str, Any]:
    """An update: `changes` are set (None removes a field), and `defaults` where they do not exist yet."""
    stated = condition(expected)
    names: dict[str, str] = stated.pop("ExpressionAttributeNames", {})
    values: dict[str, Any] = stated.pop("ExpressionAttributeValues", {})
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
    expression = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)
    return _request({"Key": key(item_id), "UpdateExpression": expression, **stated}, names, values)


def _request(parts: dict[str, Any], names: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """A request with the names and values that its expressions use; DynamoDB refuses an empty mapping."""
    if names:
        parts["ExpressionAttributeNames"] = names
    if values:
        parts["ExpressionAttributeValues"] = values
    return parts


def _number(value: object) -> object:
    """Whole numbers as int: boto3 gives every number as Decimal."""
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value
