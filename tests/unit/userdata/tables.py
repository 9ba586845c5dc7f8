"""A cluster table in memory whose calls fail one by one, as a test wants it: no local AWS is asked for these."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import cast

from coordination.names import TABLE_KEY
from coordination.outcomes import Conflict, Done, Item, Known, Reading, Refused, Transacted, Unknown, Write
from coordination.writes import Fields, Transaction, Update, holds, update
from tests.model import table

NOT_CARRIED_OUT = "as the test wants it, and not carried out"
CARRIED_OUT = "as the test wants it, and carried out"


class Fate(Enum):
    """What becomes of one call."""

    ANSWERED = "carried out, and answered"
    LOST = "carried out, and nobody can tell"
    FAILED = "not carried out, and nobody can tell"


def always_answered(_: str) -> Fate:
    """No call fails."""
    return Fate.ANSWERED


class MemoryTable:
    """The table. `fate` is asked before every call with what it does, as `get cluster`, and may change the table."""

    def __init__(self, *items: Item) -> None:
        self._lock = threading.RLock()
        self._table = table.EMPTY
        self.fate: Callable[[str], Fate] = always_answered
        self.changed: Callable[[], None] = lambda: None
        """Called after every write."""
        self.calls: list[str] = []
        for item in items:
            self.store(item)

    def store(self, item: Item) -> None:
        """Put an item there, whatever was there: somebody else's doing."""
        with self._lock:
            item_id = str(item[TABLE_KEY])
            fields = {name: _plain(value) for name, value in item.items() if name != TABLE_KEY}
            self._carry_out(update(item_id, fields, {}), without=item_id)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all items."""
        with self._lock:
            return tuple(key for key, _ in self._table)

    def stored(self, item_id: str) -> Item | None:
        """What is there, whatever the next call's fate is."""
        with self._lock:
            return table.get(self._table, item_id)

    def get(self, item_id: str) -> Reading[Item | None]:
        with self._lock:
            if self._fate(f"get {item_id}") is not Fate.ANSWERED:
                return Unknown(NOT_CARRIED_OUT)
            return Known(self.stored(item_id))

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
        with self._lock:
            if self._fate(f"items {' '.join(prefixes)}") is not Fate.ANSWERED:
                return Unknown(NOT_CARRIED_OUT)
            return Known(tuple(item for prefix in prefixes for item in table.items(self._table, prefix)))

    def apply(self, update: Update) -> Write:
        with self._lock:
            fate = self._fate(f"apply {update.item_id}")
            if fate is Fate.FAILED:
                return Unknown(NOT_CARRIED_OUT)
            happened = self._carry_out(update)
            if fate is Fate.LOST:
                return Unknown(CARRIED_OUT)
            return Done() if happened else Conflict(self.stored(update.item_id))

    def transact(self, transaction: Transaction) -> Transacted:
        with self._lock:
            fate = self._fate(f"transact {' '.join(each.item_id for each in transaction.updates)}")
            if fate is Fate.FAILED:
                return Unknown(NOT_CARRIED_OUT)
            happened = self._carry_out(transaction)
            if fate is Fate.LOST:
                return Unknown(CARRIED_OUT)
            if happened:
                return Done()
            return Refused({each.item_id: self.stored(each.item_id) for each in transaction.updates})

    def put(self, item: Item, expected: Mapping[str, object]) -> Write:
        with self._lock:
            item_id = str(item[TABLE_KEY])
            return self._replace(f"put {item_id}", item_id, expected, lambda: self.store(item))

    def update(
        self,
        item_id: str,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        defaults: Mapping[str, object] = {},
    ) -> Write:
        assert not defaults, "no node writes defaults"
        return self.apply(Update(item_id, _fields(changes), _fields(expected)))

    def delete(self, item_id: str, expected: Mapping[str, object]) -> Write:
        with self._lock:
            if self.stored(item_id) is None:
                expected = {}
            return self._replace(f"delete {item_id}", item_id, expected, lambda: self.remove(item_id))

    def remove(self, item_id: str) -> None:
        """Delete an item: somebody else's doing."""
        with self._lock:
            self._table = table.without(self._table, item_id)
            self.changed()

    def _replace(self, call: str, item_id: str, expected: Mapping[str, object], carry_out: Callable[[], None]) -> Write:
        fate = self._fate(call)
        if fate is Fate.FAILED:
            return Unknown(NOT_CARRIED_OUT)
        happens = holds(expected.items(), self.stored(item_id))
        if happens:
            carry_out()
        if fate is Fate.LOST:
            return Unknown(CARRIED_OUT)
        return Done() if happens else Conflict(self.stored(item_id))

    def _carry_out(self, write: Update | Transaction, without: str = "") -> bool:
        before = table.without(self._table, without)
        after = table.carry_out(before, write)
        if after is not None:
            self._table = after
            self.changed()
        return after is not None

    def _fate(self, call: str) -> Fate:
        self.calls.append(call)
        return self.fate(call)


def _fields(values: Mapping[str, object]) -> Fields:
    return tuple((name, _plain(value)) for name, value in values.items())


def _plain(value: object) -> str | int | None:
    # What no node program writes, a worker may all the same.
    return cast("str | int | None", value)
