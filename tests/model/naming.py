"""Renaming instances, so that states which differ only in who is who are one state.

Nodes are put in an order that does not depend on their names and are then named by their place. Any order would be
right: it only decides how many states are found to be the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from typing import Any, TypeAlias

Names: TypeAlias = tuple[tuple[str, str], ...]

PREFIX = "i-"


def new_names(living: Sequence[str], *referring: Hashable) -> Names:
    """Names for the living by their place, and for the dead that something still refers to; only what changes."""
    names = dict(zip(living, _places(len(living)), strict=True))
    dead = 0
    for part in referring:
        for name in mentioned(part):
            if name not in names:
                dead += 1
                names[name] = f"{PREFIX}dead{dead}"
    return tuple([pair for pair in names.items() if pair[0] != pair[1]])


@cache
def _places(count: int) -> tuple[str, ...]:
    return tuple(f"{PREFIX}{place}" for place in range(1, count + 1))


# Typed, because values of different kinds may be equal.
@lru_cache(maxsize=None, typed=True)
def mentioned(value: Hashable) -> tuple[str, ...]:
    """The instances that a value names, each once, in a fixed order."""
    return tuple(dict.fromkeys(_mentioned(value)))


@lru_cache(maxsize=None, typed=True)
def renamed(value: Any, names: Names) -> Any:
    """The value with other names in it."""
    # Not an enumeration's value, which is text, too.
    if type(value) is str:
        kind, mark, name = value.rpartition("#")
        return f"{kind}{mark}{dict(names).get(name, name)}"
    if isinstance(value, tuple):
        parts = [renamed(part, names) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(*(renamed(getattr(value, field.name), names) for field in fields(value)))
    return value


def _mentioned(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        name = value.rpartition("#")[2]
        if name.startswith(PREFIX):
            yield name
    elif isinstance(value, tuple):
        for part in value:
            yield from mentioned(part)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from mentioned(getattr(value, field.name))
