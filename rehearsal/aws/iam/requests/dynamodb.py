"""The permissions of DynamoDB requests: on tables, indexes and streams, with the partition keys of the items."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, behalf, granted

KEYED = {"GetItem": "Key", "DeleteItem": "Key", "UpdateItem": "Key", "PutItem": "Item"}
"""Operations on one item, and the parameter that holds its keys."""
TRANSACTED = {"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
TRANSACTED |= {"ConditionCheck": "ConditionCheckItem"}
"""The parts of a transaction, and the actions that they need."""
STREAMS = frozenset({"DescribeStream", "GetRecords", "GetShardIterator"})
USES_OF_A_KEY = "Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext".split()
"""What whoever chooses a customer's key for a table needs of it, besides DescribeKey and CreateGrant (DynamoDB guide,
"Key policy for a customer managed key")."""
SUBSCRIBER = "aws:dynamodb:subscriberId"
"""With `aws:dynamodb:tableName` the encryption context of a table's key (DynamoDB guide, "Encryption at rest")."""


def needs(asked: Asked, state: State) -> list[Need]:
    """The permissions of a request. Raises NotModelled for PartiQL, whose items only DynamoDB itself can tell."""
    given = asked.parameters
    operation = asked.operation
    if asked.service == "dynamodbstreams":
        return _stream(asked)
    if operation in KEYED:
        return _items(asked, state, operation, given["TableName"], [given[KEYED[operation]]])
    if operation in ("Query", "Scan"):
        return _search(asked, state)
    if operation in ("BatchGetItem", "BatchWriteItem"):
        return _batch(asked, state)
    if operation in ("TransactGetItems", "TransactWriteItems"):
        return _transaction(asked, state)
    if operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"):
        raise NotModelled("dynamodb:PartiQLSelect")
    if operation in ("CreateTable", "UpdateTable"):
        return _definition(asked, state)
    return generic.needs(asked)


def _definition(asked: Asked, state: State) -> list[Need]:
    """A table gets grants of a customer's key and uses it with the rights of whoever chooses the key; tags and a
    resource policy need their own actions.

    Without kms:Decrypt a creation fails, as a decryption does: aws/aws-cdk#18616.
    """
    given = asked.parameters
    arn = _arn(asked, given["TableName"])
    needed = [Need(f"dynamodb:{asked.operation}", arn, generic.tag_values(asked))]
    needed += generic.tagging(asked, "dynamodb:TagResource", arn)
    if given.get("ResourcePolicy"):
        needed.append(Need("dynamodb:PutResourcePolicy", arn))
    encryption = given.get("SSESpecification") or {}
    key = state.kms_key(asked.region, encryption["KMSMasterKeyId"]) if encryption.get("KMSMasterKeyId") else None
    context = _context(asked, given["TableName"])
    uses = [need for use in USES_OF_A_KEY for need in behalf("dynamodb", use, key, context)]
    return [*needed, *granted("dynamodb", key), *uses]


def _stream(asked: Asked) -> list[Need]:
    if asked.operation not in STREAMS:
        return generic.needs(asked)
    # An iterator is a stream's ARN, a position, and more, parted by bars.
    iterator = str(asked.parameters.get("ShardIterator", ""))
    arn = asked.parameters.get("StreamArn") or iterator.partition("|")[0]
    return [Need(f"dynamodb:{asked.operation}", arn)]


def _search(asked: Asked, state: State) -> list[Need]:
    given = asked.parameters
    table = given["TableName"]
    index = given.get("IndexName")
    resource = f"{_arn(asked, table)}/index/{index}" if index else _arn(asked, table)
    values: dict[str, Values] = {}
    if asked.operation == "Query":
        # A key condition on an index names the index's partition key; it counts as leading key all the same.
        keys = _queried(given, None if index else state.partition_key(asked.region, _name(table)))
        values = {"dynamodb:LeadingKeys": keys} if keys else {}
    return [Need(f"dynamodb:{asked.operation}", resource, values), *_decrypt(asked, state, table)]


def _batch(asked: Asked, state: State) -> list[Need]:
    found: list[Need] = []
    for table, requests in asked.parameters["RequestItems"].items():
        if asked.operation == "BatchGetItem":
            items = requests["Keys"]
        else:
            items = [
                each["PutRequest"]["Item"] if each.get("PutRequest") else each["DeleteRequest"]["Key"]
                for each in requests
            ]
        found += _items(asked, state, asked.operation, table, items)
    return found


def _transaction(asked: Asked, state: State) -> list[Need]:
    found: list[Need] = []
    for item in asked.parameters["TransactItems"]:
        for part, action in TRANSACTED.items():
            if item.get(part):
                keys = item[part].get("Item") or item[part]["Key"]
                found += _items(asked, state, action, item[part]["TableName"], [keys])
    return _without_repeats(found)


def _items(asked: Asked, state: State, action: str, table: str, items: list[Mapping[str, Any]]) -> list[Need]:
    name = state.partition_key(asked.region, _name(table))
    leading = tuple(_text(item[name]) for item in items if name is not None and name in item)
    values: dict[str, Values] = {"dynamodb:LeadingKeys": leading} if leading else {}
    return [Need(f"dynamodb:{action}", _arn(asked, table), values), *_decrypt(asked, state, table)]


def _decrypt(asked: Asked, state: State, table: str) -> list[Need]:
    """DynamoDB decrypts the table's own key on the caller's behalf, whether the caller reads or writes."""
    return behalf("dynamodb", "Decrypt", state.table_key(asked.region, _name(table)), _context(asked, table))


def _context(asked: Asked, table: str) -> Mapping[str, str]:
    """What DynamoDB tells the key with each request about a table."""
    return {"aws:dynamodb:tableName": _name(table), SUBSCRIBER: asked.account_id}


def _queried(given: Mapping[str, Any], partition_key: str | None) -> tuple[str, ...]:
    """The partition key's value in the condition of a query."""
    conditions = given.get("KeyConditions") or {}
    for name, condition in conditions.items():
        if name == partition_key or (partition_key is None and condition.get("ComparisonOperator") == "EQ"):
            return tuple(_text(value) for value in condition["AttributeValueList"])
    names = given.get("ExpressionAttributeNames") or {}
    values = given.get("ExpressionAttributeValues") or {}
    for name, value in re.findall(r"([#\w.\-]+)\s*=\s*(:\w+)", given.get("KeyConditionExpression") or ""):
        if value in values and partition_key in (None, names.get(name, name)):
            return (_text(values[value]),)
    return ()


def _text(value: Mapping[str, Any]) -> str:
    """An attribute's value as text."""
    plain = next(iter(value.values()))
    return base64.b64encode(plain).decode() if isinstance(plain, bytes) else str(plain)


def _without_repeats(needs: list[Need]) -> list[Need]:
    return [need for index, need in enumerate(needs) if need not in needs[:index]]


def _name(table: str) -> str:
    """A table's name, which may be given as an ARN."""
    return table.rpartition("/")[2]


def _arn(asked: Asked, table: str) -> str:
    return table if table.startswith("arn:") else asked.arn("dynamodb", f"table/{table}")
