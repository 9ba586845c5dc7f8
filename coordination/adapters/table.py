"""The cluster table in DynamoDB: consistent reads, conditional writes, and a read after every doubtful write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, code, refusals, repetitions, unknown_after, unknown_of_table
from coordination.adapters.expressions import changed, condition, key, plain, stored
from coordination.names import TABLE_KEY
from coordination.outcomes import (
    Conflict,
    Done,
    Item,
    Known,
    NoTable,
    Reading,
    Refused,
    Throttled,
    Transacted,
    Unknown,
    Write,
)
from coordination.writes import Transaction, Update, holds

# What a write expects to find: a field's value, or None for a field that must not exist. {} is no condition at all.
Expected = Mapping[str, object]

ANYTHING: Expected = {}


class ClusterTable:
    """The table `name`, through a DynamoDB client. No method raises for what AWS answers, or fails to."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, item_id: str) -> Reading[Item | None]:
        """The item, None if there is none."""
        try:
            answer = self._client.get_item(TableName=self._name, Key=key(item_id), ConsistentRead=True)
        except AWS_ERRORS as error:
            return unknown_of_table("GetItem", error)
        return Known(plain(answer["Item"]) if "Item" in answer else None)

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
            found += [plain(item) for item in page.get("Items", [])]
            if not page.get("LastEvaluatedKey"):
                return Known(tuple(found))
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put(self, item: Item, expected: Expected) -> Write:
        """Store `item` in place of what is there, if that is as expected."""
        request = {"Item": stored(item), **condition(expected)}
        return self._write("PutItem", self._client.put_item, request, str(item[TABLE_KEY]), lambda now: now == item)

    def update(
        self, item_id: str, changes: Mapping[str, object], expected: Expected, defaults: Mapping[str, object] = {}
    ) -> Write:
        """Set the fields of `changes` (None removes one), and those of `defaults` that do not exist yet."""
        request = changed(item_id, changes, expected, defaults)

        def happened(now: Item | None) -> bool:
            return now is not None and holds(changes.items(), now)

        return self._write("UpdateItem", self._client.update_item, request, item_id, happened)

    def delete(self, item_id: str, expected: Expected) -> Write:
        """Delete the item, if it is as expected. An item that is gone already is Done."""
        request = {"Key": key(item_id), **condition(expected)}
        return self._write("DeleteItem", self._client.delete_item, request, item_id, lambda now: now is None)

    def apply(self, update: Update) -> Write:
        """Carry out one update."""
        return self.update(update.item_id, dict(update.changes), dict(update.expected))

    def transact(self, transaction: Transaction) -> Transacted:
        """Carry out all updates of a transaction or none. After a doubtful one, fresh reads say what is stored now."""
        parts = [self._part(update) for update in transaction.updates]
        try:
            # botocore adds a ClientRequestToken, so what it repeats after a lost reply is not carried out twice.
            self._client.transact_write_items(TransactItems=parts)
        except AWS_ERRORS as error:
            failure = unknown_of_table("TransactWriteItems", error)
            if _did_not_happen(failure, error):
                return failure
            current: dict[str, Item | None] = {}
            for update in transaction.updates:
                reading = self.get(update.item_id)
                if isinstance(reading, Unknown):
                    return unknown_after(failure, reading)
                current[update.item_id] = reading.value
            if all(holds(update.changes, current[update.item_id]) for update in transaction.updates):
                return Done()
            return Refused(current) if "ConditionalCheckFailed" in refusals(error) else failure
        return Done()

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

    def _part(self, update: Update) -> dict[str, Any]:
        expected = dict(update.expected)
        if not update.changes:
            check = {"TableName": self._name, "Key": key(update.item_id), **condition(expected)}
            return {"ConditionCheck": check}
        return {"Update": {"TableName": self._name, **changed(update.item_id, dict(update.changes), expected, {})}}

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
            if _did_not_happen(failure, error):
                return failure
            reading = self.get(item_id)
            if isinstance(reading, Unknown):
                return unknown_after(failure, reading)
            if happened(reading.value):
                return Done()
            return Conflict(reading.value) if refused else failure
        return Done()


def _did_not_happen(failure: Unknown, error: Exception) -> bool:
    """Whether the write has certainly not happened. Of a call that botocore repeated, an earlier try may have."""
    return isinstance(failure, NoTable) or (isinstance(failure, Throttled) and repetitions(error) == 0)
