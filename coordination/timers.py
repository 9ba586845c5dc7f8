"""`timer#<name>`: since when the function has seen something that it acts on only after that has lasted for a while."""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import text, whole_number
from coordination.names import TABLE_KEY, TIMER_ITEM_PREFIX, timer_item
from coordination.outcomes import Item


@dataclass(frozen=True)
class Timer:
    """`since` is in seconds since 1970."""

    name: str
    since: int

    def item(self) -> Item:
        """The item that stores it."""
        return {TABLE_KEY: timer_item(self.name), "Since": self.since}


def timer(item: Item) -> Timer:
    """The timer that `item` holds. Raises Malformed."""
    return Timer(text(item, TABLE_KEY).removeprefix(TIMER_ITEM_PREFIX), whole_number(item, "Since"))
