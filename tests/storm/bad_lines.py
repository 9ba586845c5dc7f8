"""Lines that are no call, and what is said of each, by the module of histories and by the checker's program alike."""

from __future__ import annotations

import json

_ALL = "client, operation, key, value, expected, called_ns, returned_ns, outcome, found, swapped"
_READ = {
    "client": 0,
    "operation": "read",
    "key": "k",
    "called_ns": 5,
    "returned_ns": 7,
    "outcome": "ok",
    "found": None,
}
_WRITE = {
    "client": 0,
    "operation": "write",
    "key": "k",
    "value": "a",
    "called_ns": 5,
    "returned_ns": 7,
    "outcome": "ok",
}
_SWAP = _WRITE | {"operation": "compare-and-swap", "expected": "a", "found": "b", "swapped": False}
GOOD = tuple(json.dumps(each) for each in (_READ, _WRITE, _SWAP, _SWAP | {"expected": None, "found": None}))


def _without(fields: dict[str, object], name: str) -> dict[str, object]:
    return {field: value for field, value in fields.items() if field != name}


_FIELDS: tuple[tuple[dict[str, object], str], ...] = (
    (_without(_READ, "operation"), "operation: given nothing; allowed: read, write, compare-and-swap"),
    (_READ | {"operation": "append"}, 'operation: given "append"; allowed: read, write, compare-and-swap'),
    (_READ | {"operation": None}, "operation: given null; allowed: read, write, compare-and-swap"),
    (_READ | {"outcome": "okay"}, 'outcome: given "okay"; allowed: ok, failed, maybe'),
    (_READ | {"client": -1}, "client: given -1; allowed: a whole number from 0"),
    (_READ | {"client": True}, "client: given true; allowed: a whole number from 0"),
    (_READ | {"client": None}, "client: given null; allowed: a whole number from 0"),
    (_READ | {"key": ""}, 'key: given ""; allowed: a text that is not empty'),
    (_READ | {"key": 7}, "key: given 7; allowed: a text that is not empty"),
    (_without(_WRITE, "value"), "value: given nothing; allowed: a text"),
    (_WRITE | {"value": None}, "value: given null; allowed: a text"),
    (_without(_SWAP, "expected"), "expected: given nothing; allowed: a text, or null for none"),
    (_SWAP | {"expected": 1}, "expected: given 1; allowed: a text, or null for none"),
    (_READ | {"called_ns": 1.5}, "called_ns: given 1.5; allowed: a whole number from 0"),
    (_READ | {"called_ns": 2**63}, "called_ns: given 9223372036854775808; allowed: a whole number from 0"),
    (_READ | {"returned_ns": 4}, "returned_ns: given 4; allowed: a whole number from called_ns on"),
    (_READ | {"returned_ns": None}, "returned_ns: given null; allowed: a whole number from called_ns on"),
    (
        _WRITE | {"outcome": "maybe", "returned_ns": 4},
        "returned_ns: given 4; allowed: a whole number from called_ns on, or null",
    ),
    (_without(_READ, "found"), "found: given nothing; allowed: a text, or null for none"),
    (_READ | {"found": ["a"]}, 'found: given ["a"]; allowed: a text, or null for none'),
    (_SWAP | {"swapped": "no"}, 'swapped: given "no"; allowed: true or false'),
    (_READ | {"value": "a"}, 'value: given "a"; allowed: nothing, where a read is ok'),
    (_READ | {"outcome": "maybe"}, "found: given null; allowed: nothing, where a read is maybe"),
    (_WRITE | {"swapped": True}, "swapped: given true; allowed: nothing, where a write is ok"),
    (_WRITE | {"colour": "red"}, f'colour: given "red"; allowed: no field but {_ALL}'),
)
BAD: tuple[tuple[str, str], ...] = (
    *((json.dumps(fields), said) for fields, said in _FIELDS),
    (f'{GOOD[1][:-1]}, "value": "b"}}', "value: given twice; allowed: every field once"),
    ("[1]", "given [1]; allowed: one object of JSON"),
    ("{} {}", "given {} {}; allowed: one object of JSON"),
    ('{"client": 1, "operat', 'given {"client": 1, "operat; allowed: one object of JSON'),
    ("x" * 61, f"given {'x' * 60}…; allowed: one object of JSON"),
    ("", "given nothing; allowed: one object of JSON"),
)
