"""The cluster table in memory: carries out the writes that the adapter sends to DynamoDB, with their conditions."""

from __future__ import annotations

from typing import TypeAlias

from coordination.names import TABLE_KEY
from coordination.outcomes import Item
from coordination.writes import Fields, Transaction, Update, holds

# Items by their keys, as sorted pairs: a table can be part of a state.
Table: TypeAlias = tuple[tuple[str, Fields], ...]

EMPTY: Table = ()


def get(table: Table, item_id: str) -> Item | None:
    """The item, None if there is none."""
    return next(({TABLE_KEY: item_id, **dict(fields)} for key, fields in table if key == item_id), None)


def items(table: Table, prefix: str) -> list[Item]:
    """Every item whose key starts with `prefix`."""
    return [{TABLE_KEY: key, **dict(fields)} for key, fields in table if key.startswith(prefix)]


def carry_out(table: Table, write: Update | Transaction) -> Table | None:
    """The table after the write; None if a condition refuses it."""
    updates = write.updates if isinstance(write, Transaction) else (write,)
    if not all(holds(update.expected, get(table, update.item_id)) for update in updates):
        return None
    stored = {key: dict(fields) for key, fields in table}
    for update in updates:
        if update.changes:
            fields = stored.setdefault(update.item_id, {})
            fields.update(update.changes)
    return _ordered(stored)


def without(table: Table, item_id: str) -> Table:
    """The table without an item."""
    return tuple((key, fields) for key, fields in table if key != item_id)


def _ordered(stored: dict[str, dict[str, str | int | bool | None]]) -> Table:
    return tuple(
        (key, tuple(sorted((name, value) for name, value in fields.items() if value is not None)))
        for key, fields in sorted(stored.items())
    )
