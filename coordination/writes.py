"""Writes to the cluster table as data: what decides builds them, and table, log and model carry out the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from coordination.names import TABLE_KEY
from coordination.outcomes import Item

Value: TypeAlias = str | int | bool | None
# Field name to value; pairs instead of a mapping, so that a write can be compared and be a key.
Fields: TypeAlias = tuple[tuple[str, Value], ...]

# What is expected of an item that must not exist.
ABSENT: Mapping[str, Value] = {TABLE_KEY: None}


@dataclass(frozen=True)
class Update:
    """Set `changes` (None removes a field) where the item is as `expected` (None: the field must not exist).

    Without changes it is a check. After a lost reply `changes` are all there is to tell whether the write happened, so
    they hold what nobody else writes (a counter with its owner), even where that does not change.
    """

    item_id: str
    changes: Fields
    expected: Fields


@dataclass(frozen=True)
class Transaction:
    """All of the updates or none, each of another item."""

    updates: tuple[Update, ...]


def update(item_id: str, changes: Mapping[str, Value], expected: Mapping[str, Value]) -> Update:
    """An update from mappings."""
    return Update(item_id, tuple(changes.items()), tuple(expected.items()))


def check(item_id: str, expected: Mapping[str, Value]) -> Update:
    """The part of a transaction that changes nothing, and refuses it where the item is not as expected."""
    return update(item_id, {}, expected)


def as_item(item_id: str, fields: Mapping[str, Value]) -> Item:
    """The item that an update with these fields makes where there is none."""
    return {TABLE_KEY: item_id, **{name: value for name, value in fields.items() if value is not None}}


def holds(fields: Iterable[tuple[str, object]], item: Item | None) -> bool:
    """Whether the item has these values; a field that is None must not be there. No item has no field."""
    found: Item = item or {}
    return all(found.get(name) == value for name, value in fields)
