"""What a call to AWS can come to. An error is an outcome of its own, never an empty answer.

A read is `Known` or `Unknown`. A write is `Done`, `Conflict` or `Unknown`, a transaction `Done`, `Refused` or
`Unknown`, a request `Done`, `NoOp` or `Unknown`.
`Throttled` and `NoTable` are kinds of `Unknown`, so that whoever does not care about the kind waits by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

Value = TypeVar("Value", covariant=True)

# A row of the cluster table, attribute name to value (strings, whole numbers, booleans).
Item: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class Known(Generic[Value]):
    """A read that was answered; the value may well be None or empty."""

    value: Value


@dataclass(frozen=True)
class Unknown:
    """No answer, an error, or an answer that cannot be understood. A write may or may not have happened.

    `reason` is for people, and nothing is decided by it: its words may change. `code` is what the other side calls the
    error, as AWS's error codes do, or the name of the failure of the connection; empty where there is neither.
    """

    reason: str
    code: str = ""


@dataclass(frozen=True)
class Throttled(Unknown):
    """Refused for now; a write has certainly not happened."""


@dataclass(frozen=True)
class NoTable(Unknown):
    """AWS says that the table does not exist: nothing is stored, and nothing can be."""


@dataclass(frozen=True)
class Done:
    """The write is stored, or the request was accepted."""


@dataclass(frozen=True)
class NoOp:
    """There was nothing left to do: somebody did it before."""

    reason: str


@dataclass(frozen=True)
class Conflict:
    """The condition of a write did not hold; `current` is the item as a fresh read found it, None if there is none."""

    current: Item | None


@dataclass(frozen=True)
class Refused:
    """A condition of a transaction did not hold; `current` are its items as fresh reads found them, by their keys."""

    current: Mapping[str, Item | None]


Reading: TypeAlias = Known[Value] | Unknown
Write: TypeAlias = Done | Conflict | Unknown
Transacted: TypeAlias = Done | Refused | Unknown
Request: TypeAlias = Done | NoOp | Unknown
