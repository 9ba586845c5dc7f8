"""Reading fields of a stored item: a wrong one is one line that names item, field, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from coordination.names import TABLE_KEY
from coordination.outcomes import Item, Known, Reading, Unknown

Parsed = TypeVar("Parsed")

LARGEST_NUMBER = 2**53
"""What every reader of JSON takes for exactly this number."""


class Malformed(ValueError):
    """An item that nobody who keeps to the protocol could have written."""


def parsed(reading: Reading[Item | None], parse: Callable[[Item], Parsed]) -> Reading[Parsed | None]:
    """What an item that was read says, None where there is none. One that cannot be understood is Unknown."""
    if isinstance(reading, Unknown):
        return reading
    try:
        return Known(None if reading.value is None else parse(reading.value))
    except Malformed as error:
        return Unknown(str(error))


def text(item: Item, field: str) -> str:
    """The field's text, which must not be empty. Raises Malformed."""
    value = item.get(field)
    if not isinstance(value, str) or not value:
        raise Malformed(_line(item, field, value, "text"))
    return value


def whole_number(item: Item, field: str, default: int | None = None) -> int:
    """The field's number, or `default` where the field is missing. Raises Malformed."""
    value = item.get(field, default)
    if (number := as_number(value)) is None:
        raise Malformed(_line(item, field, value, "a whole number up to 2^53"))
    return number


def as_number(value: object) -> int | None:
    """A stored value as a whole number whose size is LARGEST_NUMBER at most; None where it is none.

    Everything that is counted or timed here is one. DynamoDB holds numbers of up to 1e126, and what is larger than 38
    digits cannot be sent back, so a node's own row could hold what nobody can write a condition on.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) <= LARGEST_NUMBER else None


def optional_text(item: Item, field: str) -> str:
    """The field's text, empty where the field is missing. Raises Malformed."""
    return text(item, field) if field in item else ""


def cut_text(item: Item, field: str, longest: int) -> str:
    """The beginning of the field's text, empty where that or the field is missing. Raises Malformed.

    For what a node says of itself: nobody bounds what it stores, and whoever reads it has to.
    """
    # DynamoDB stores empty texts, and so may a node that has nothing to say.
    return text(item, field)[:longest] if item.get(field, "") != "" else ""


def optional_number(item: Item, field: str) -> int | None:
    """The field's number, None where the field is missing. Raises Malformed."""
    return whole_number(item, field) if field in item else None


def flag(item: Item, field: str) -> bool:
    """Whether the field says yes; no where it is missing. Raises Malformed."""
    value = item.get(field, False)
    if not isinstance(value, bool):
        raise Malformed(_line(item, field, value, "true, false"))
    return value


def one_of(item: Item, field: str, allowed: Iterable[str]) -> str:
    """The field's text, which must be one of `allowed`. Raises Malformed."""
    names = list(allowed)
    value = item.get(field)
    if not isinstance(value, str) or value not in names:
        raise Malformed(_line(item, field, value, ", ".join(names)))
    return value


def _line(item: Item, field: str, value: object, allowed: str) -> str:
    given = "missing" if value is None else repr(value)[:80]
    return f"item {item.get(TABLE_KEY)}: {field} is {given}, allowed: {allowed}"
