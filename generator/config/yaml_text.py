"""YAML text into plain values, without what surprises people in YAML 1.1.

Scalars are read as YAML 1.2's core schema reads them, which is what editors do too: `no`, `on`, `12:30` and `010` are
text, only `true` and `false` are truth values. Anchors, aliases and merge keys (`<<`) are read; keys given twice and
tags are refused with their place.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from msgspec import Struct

from generator.config.problem import Problem, below, is_within, quoted, shown

# The model has five levels; more cannot be meant, and thousands would exhaust Python's stack.
_MOST_LEVELS = 20
# Counted where they are read, so an alias of an alias of an alias is no way around it. The largest cluster has 2,000.
_MOST_VALUES = 20_000
# Python refuses to read longer ones, to save time. No limit of the model is near it.
_MOST_DIGITS = 4000

_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_ONE_MAPPING = "one YAML mapping"
_EXAMPLE = 'a mapping such as "zones: 3"'

# PyYAML built from source has no C parser where libyaml's headers are missing; the slower one reads the same.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+)", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_PREFIX + _kind, re.compile(rf"^(?:{_pattern})$"), _first)


class Document(Struct):
    """What a text says, and where."""

    values: Any
    """The root mapping; None where the text has none."""
    problems: list[Problem]
    lines: dict[str, int]
    """The line of each field by its path: of its key, or of a list's entry."""
    typed: dict[str, str]
    """Numbers and truth values as they were typed, by their paths."""

    def line_of(self, path: str, rests_on: tuple[str, ...] = ()) -> int:
        """Where a person has to look: the field's own line, else that of the section which it is missing from.

        For what is in no section of the text: of the first of the fields that the refusal rests on, else the first.
        """
        for each in (path, *rests_on):
            around = [known for known in self.lines if known and is_within(each, known)]
            if around:
                return self.lines[max(around, key=len)]
        return self.lines.get("", 1)


def read_yaml(text: str) -> Document:
    """The values in `text` and what is wrong with it."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        return _unreadable(_reason(error, text), error.problem_mark.line + 1 if error.problem_mark else 0)
    except yaml.reader.ReaderError as error:
        # Its place is a number of bytes or of characters, by the parser.
        return _unreadable(f"text that is not YAML (the character U+{_code(error):04X}: {error.reason})")
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        return _unreadable(f"text that is not YAML ({' '.join(str(error).split())})")
    if node is None:
        return _unreadable("an empty file", 0, _EXAMPLE)
    if not isinstance(node, yaml.MappingNode):
        given = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        return _unreadable(given, node.start_mark.line + 1, _EXAMPLE)
    reading = _Reading()
    reading.document.lines[""] = node.start_mark.line + 1
    reading.document.values = reading.of(node, "")
    return reading.document


def _unreadable(given: str, line: int = 0, allowed: str = _ONE_MAPPING) -> Document:
    return Document(None, [Problem(given=given, allowed=allowed, line=line)], {}, {})


def _reason(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is None:
        return f"text that is not YAML ({error.problem})"
    line = [*re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text), ""][mark.line]
    if line[mark.column : mark.column + 1] == "\t":
        return f"text that is not YAML (column {mark.column + 1}: a tab; indent with spaces)"
    return f"text that is not YAML (column {mark.column + 1}: {' '.join(str(error.problem).split())})"


def _code(error: yaml.reader.ReaderError) -> int:
    return ord(error.character) if isinstance(error.character, str) else int(error.character)


class _Reading:
    """Turns YAML nodes into values; what it cannot read becomes None and a problem."""

    def __init__(self) -> None:
        self.document = Document(None, [], {}, {})
        # What is being read: an alias of one of them contains itself.
        self._open: list[yaml.Node] = []
        self._values = 0

    def of(self, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path) if self._counted(path) else None
        if node.tag.removeprefix(_PREFIX) not in ("map", "seq"):
            return self._refuse(path, f"something tagged {quoted(node.tag)[1:-1]}", "a value without a tag")
        if not self._enter(node, path):
            return None
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._open.pop()
        return value

    def _enter(self, node: yaml.Node, path: str) -> bool:
        """Whether the mapping or list may be read; whoever is told so takes it off `_open` at its end."""
        if any(node is each for each in self._open):
            self._refuse(path, "an alias (*) of what it is in", "an alias of what stands elsewhere")
        elif len(self._open) == _MOST_LEVELS:
            self._refuse(path, "a deeper level", f"{_MOST_LEVELS} levels")
        elif self._counted(path):
            self._open.append(node)
            return True
        return False

    def _counted(self, path: str) -> bool:
        self._values += 1
        if self._values == _MOST_VALUES + 1:
            self._refuse(path, f"value number {self._values}", f"{_MOST_VALUES}, those of aliases counted each time")
        return self._values <= _MOST_VALUES

    def _list(self, node: yaml.Node, path: str) -> list[Any]:
        values = []
        for index, entry in enumerate(node.value):
            self.document.lines[below(path, index)] = entry.start_mark.line + 1
            values.append(self.of(entry, below(path, index)))
        return values

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, (line, value_node) in self._entries(node, path).items():
            self.document.lines[below(path, key)] = line
            values[key] = self.of(value_node, below(path, key))
        return values

    def _entries(self, node: yaml.MappingNode, path: str) -> dict[str, tuple[int, yaml.Node]]:
        """Lines and nodes of its keys, and of those that it merges in and does not have itself."""
        own: dict[str, tuple[int, yaml.Node]] = {}
        merged: dict[str, tuple[int, yaml.Node]] = {}
        merges = 0
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(path, "a key that is no plain word", "plain keys", line)
            elif key_node.tag == _MERGE:
                merges = self._once(below(path, key_node.value), merges, line)
                self.document.lines[below(path, key_node.value)] = line
                merged = self._merged(value_node, path, line)
            elif key_node.value in own:
                self._once(below(path, key_node.value), own[key_node.value][0], line)
            else:
                own[key_node.value] = line, value_node
        return own | {key: each for key, each in merged.items() if key not in own}

    def _once(self, path: str, earlier: int, line: int) -> int:
        """The line of a key, after noting that it stands in an earlier one, too, where that is not 0."""
        if earlier:
            self._refuse(path, f"twice (lines {earlier} and {line})", "once", line)
        return line

    def _merged(self, node: yaml.Node, path: str, line: int) -> dict[str, tuple[int, yaml.Node]]:
        """What a merge key of the mapping at `path` brings: of several sources the first that has a key.

        https://yaml.org/type/merge.html
        """
        found: dict[str, tuple[int, yaml.Node]] = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                given, allowed = "something else than a mapping", "a mapping to merge, or a list of such"
                self._refuse(below(path, "<<"), given, allowed, line)
            elif self._enter(source, below(path, "<<")):
                found = self._entries(source, path) | found
                self._open.pop()
        return found

    def _scalar(self, node: yaml.ScalarNode, path: str) -> Any:
        text = node.value
        kind = node.tag.removeprefix(_PREFIX)
        if kind in ("bool", "int", "float"):
            self.document.typed[path] = text
        match kind:
            case "str" | "merge":
                return text
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" if re.fullmatch(rf"[-+]?[0-9]{{1,{_MOST_DIGITS}}}", text):
                return int(text)
            case "int" | "float" if re.fullmatch(r"[-+0-9.eE]+", text):
                try:
                    return float(text)
                except ValueError:
                    pass
        return self._refuse(path, f"{shown(text)} tagged {quoted(node.tag)[1:-1]}", "a value without a tag")

    def _refuse(self, path: str, given: str, allowed: str, line: int = 0) -> None:
        self.document.problems.append(Problem(path=path, given=given, allowed=allowed, line=line))
