"""What clients asked of registers and what they were answered, and each call's line of JSON (docs/storm.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FIELDS = ("client", "operation", "key", "value", "expected", "called_ns", "returned_ns", "outcome", "found", "swapped")
"""The fields of a line, in the order in which they are written."""
_LARGEST = 2**63 - 1
_LONGEST_CITED = 60
_MISSING = object()


class Operation(StrEnum):
    """What a client asks for."""

    READ = "read"
    WRITE = "write"
    COMPARE_AND_SWAP = "compare-and-swap"


class Outcome(StrEnum):
    """What a client knows of a call afterwards."""

    OK = "ok"
    FAILED = "failed"
    """It certainly took no effect, and never will."""
    MAYBE = "maybe"
    """It took effect at any time after its call, or will, or never does."""


class HistoryError(Exception):
    """A history cannot be read; the text is one line: where, what was given, what is allowed."""


@dataclass(frozen=True)
class Call:
    """One call. Times are nanoseconds of one monotonic clock that all clients share.

    A field that does not apply (`applies`) is None. Of those that do, `expected` and `found` are None where the key has
    no value. Raises HistoryError where a value is not allowed.
    """

    client: int
    operation: Operation
    key: str
    called_ns: int
    returned_ns: int | None
    """When the client had its answer, or no longer waited; None where its process ended before."""
    outcome: Outcome
    value: str | None = None
    """What a write or compare-and-swap writes."""
    expected: str | None = None
    """What a compare-and-swap replaces."""
    found: str | None = None
    """What a read or compare-and-swap that is ok found, before it wrote."""
    swapped: bool | None = None
    """Whether a compare-and-swap that is ok wrote."""

    def __post_init__(self) -> None:
        _check({**{name: value for name, value in vars(self).items() if value is not None}, **self._fields()})

    def line(self) -> str:
        """Its line of JSON, without an end."""
        return json.dumps(self._fields())

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS if applies(name, self.operation, self.outcome)}


def applies(field: str, operation: str, outcome: str) -> bool:
    """Whether a line has a field. One that applies is always there, and one that does not never is."""
    answered, swaps = outcome == Outcome.OK, operation == Operation.COMPARE_AND_SWAP
    return {
        "value": operation != Operation.READ,
        "expected": swaps,
        "found": answered and operation != Operation.WRITE,
        "swapped": answered and swaps,
    }.get(field, field in FIELDS)


def parse(line: str) -> Call:
    """The call of a line. Raises HistoryError with the field, what was given and what is allowed."""
    fields = _object(line)
    _check(fields)
    known = fields | {"operation": Operation(fields["operation"]), "outcome": Outcome(fields["outcome"])}
    return Call(**known)


def parse_all(lines: Iterable[str]) -> list[Call]:
    """The calls of a history. Raises HistoryError with the line's number, from 1, also where there is none at all."""
    calls = []
    for number, line in enumerate(lines, start=1):
        try:
            calls.append(parse(line))
        except HistoryError as error:
            raise HistoryError(f"line {number}: {error}") from error
    if not calls:
        raise HistoryError("line 1: given nothing; allowed: one call or more")
    return calls


def text(calls: Sequence[Call]) -> str:
    """A history as it stands in a file."""
    return "".join(f"{call.line()}\n" for call in calls)


def _check(fields: Mapping[str, object]) -> None:
    """Refuse the first field that is not as it may be; the checker's program does so in the same order and words."""
    operation, outcome = fields.get("operation", _MISSING), fields.get("outcome", _MISSING)
    _require(fields, "operation", operation in tuple(Operation), ", ".join(Operation))
    _require(fields, "outcome", outcome in tuple(Outcome), ", ".join(Outcome))
    called, returned = fields.get("called_ns", _MISSING), fields.get("returned_ns", _MISSING)
    after = "a whole number from called_ns on"
    if outcome == Outcome.MAYBE:
        after += ", or null"
    rules: dict[str, tuple[bool, str]] = {
        "client": (_is_number(fields.get("client"), 0), "a whole number from 0"),
        "key": (_is_text(fields.get("key")) and fields["key"] != "", "a text that is not empty"),
        "value": (_is_text(fields.get("value")), "a text"),
        "expected": (_is_text_or_null(fields, "expected"), "a text, or null for none"),
        "called_ns": (_is_number(called, 0), "a whole number from 0"),
        "returned_ns": (_is_number(returned, called) or (outcome == Outcome.MAYBE and returned is None), after),
        "found": (_is_text_or_null(fields, "found"), "a text, or null for none"),
        "swapped": (isinstance(fields.get("swapped"), bool), "true or false"),
    }
    for name, (allowed, what) in rules.items():
        if applies(name, str(operation), str(outcome)):
            _require(fields, name, allowed, what)
    for name in FIELDS:
        if not applies(name, str(operation), str(outcome)):
            _require(fields, name, name not in fields, f"nothing, where a {operation} is {outcome}")
    for name in sorted(fields):
        _require(fields, name, name in FIELDS, f"no field but {', '.join(FIELDS)}")


def _require(fields: Mapping[str, object], name: str, allowed: bool, what: str) -> None:
    if not allowed:
        given = json.dumps(fields[name], ensure_ascii=False, default=str) if name in fields else ""
        raise HistoryError(f"{name}: given {_cited(given)}; allowed: {what}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_null(fields: Mapping[str, object], name: str) -> bool:
    return name in fields and (fields[name] is None or _is_text(fields[name]))


def _is_number(value: object, least: object) -> bool:
    # True and False are numbers to Python.
    return type(value) is int and type(least) is int and least <= value <= _LARGEST


def _object(line: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise HistoryError(f"{name}: given twice; allowed: every field once")
        return dict(pairs)

    try:
        found = json.loads(line, object_pairs_hook=once)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HistoryError(f"given {_cited(line)}; allowed: one object of JSON")
    return found


def _cited(given: str) -> str:
    """What was given, short enough for one line."""
    plain = given.strip()
    return (plain[:_LONGEST_CITED] + "…" if len(plain) > _LONGEST_CITED else plain) or "nothing"
