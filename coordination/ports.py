"""The cluster table behind its adapter (coordination.adapters.table), which tests put another one in the place of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from coordination.outcomes import Item, Reading, Transacted, Write
from coordination.writes import Transaction, Update


class TableReader(Protocol):
    """Consistent reads."""

    def get(self, item_id: str) -> Reading[Item | None]:
        """The item with this key, None if there is none."""

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
        """Every item whose key starts with one of `prefixes`, in no order: a Scan of the whole table."""


class TableWriter(Protocol):
    """Writes that state what they expect: a field's value, None for a field that must not exist, {} for nothing."""

    def put(self, item: Item, expected: Mapping[str, object]) -> Write:
        """Store an item in place of what is there."""

    def update(
        self,
        item_id: str,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        defaults: Mapping[str, object] = {},
    ) -> Write:
        """Set the fields of `changes` (None removes one), and those of `defaults` that do not exist yet."""

    def delete(self, item_id: str, expected: Mapping[str, object]) -> Write:
        """Delete the item; one that is gone already is Done."""

    def apply(self, update: Update) -> Write:
        """Carry out one update."""

    def transact(self, transaction: Transaction) -> Transacted:
        """Carry out all updates of a transaction or none."""


class Table(TableReader, TableWriter, Protocol):
    """Both."""
