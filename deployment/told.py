"""A few of many things in a line."""

from __future__ import annotations

from collections.abc import Iterable

_TOLD = 3


def told(texts: Iterable[str]) -> str:
    """The first three of the texts, each once, and how many more there are."""
    known = list(dict.fromkeys(texts))
    more = f" and {len(known) - _TOLD} more" if len(known) > _TOLD else ""
    return ", ".join(known[:_TOLD]) + more
