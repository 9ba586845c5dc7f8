"""Other words in place of those that outcomes, rows and conditions hold for people: whether anything hangs on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

Value = TypeVar("Value")
Words = Callable[[str], str]

_TEXTS = frozenset({"reason", "next_step"})

noise = st.lists(
    st.text()
    | st.sampled_from(
        [
            # What was once searched for, and what every text may be.
            "",
            "GetItem: the table does not exist",
            "GetParameters: DisabledException: the key is disabled",
            "x509: certificate signed by unknown authority",
            "etcdserver: too many learner members in cluster",
            "connection refused",
            "it was removed from etcd",
        ]
    ),
    min_size=1,
    max_size=5,
)
"""Texts of which each takes the place of another one."""


def garbling(texts: list[str]) -> Words:
    """Gives these texts one after the other, whatever stood there."""
    given = 0

    def words(_: str) -> str:
        nonlocal given
        given += 1
        return texts[given % len(texts)]

    return words


def reworded(value: Value, words: Words) -> Value:
    """The same value, with other words wherever a text is for people."""
    new: Any = _reworded(value, words)
    return new  # type: ignore[no-any-return]


def blanked(value: Value) -> Value:
    """The same value without any words."""
    return reworded(value, lambda _: "")


def _reworded(value: Any, words: Words) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        changes = {}
        for each in fields(value):
            if each.init:
                old = getattr(value, each.name)
                changes[each.name] = words(old) if _is_text(each.name, old) else _reworded(old, words)
        return replace(value, **changes)
    if isinstance(value, tuple | list | frozenset | set):
        return type(value)(_reworded(each, words) for each in value)
    # Not any Mapping: rows that nobody has read are one, too, and stay what they are.
    if isinstance(value, dict):
        return {key: _reworded(each, words) for key, each in value.items()}
    return value


def _is_text(name: str, value: object) -> bool:
    return name in _TEXTS and isinstance(value, str)


class Garbled:
    """A port whose answers come in other words. It has every method that the port behind it has."""

    def __init__(self, port: object, words: Words) -> None:
        self._port = port
        self._words = words

    def __getattr__(self, name: str) -> Any:
        call: Any = getattr(self._port, name)

        def answer(*arguments: Any, **named: Any) -> Any:
            return reworded(call(*arguments, **named), self._words)

        return answer
