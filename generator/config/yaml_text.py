"""YAML text into plain values, without what surprises people in YAML 1.1.

Scalars are read as YAML 1.2's core schema reads them, which is what editors do too: `no`, `on`, `12:30` and `010` are
text, only `true` and `false` are truth values. Keys given twice, aliases and tags are refused with their place.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from generator.config.problem import Problem, below, shown

# The model has five levels; more cannot be meant, and thousands would exhaust Python's stack.
_MOST_LEVELS = 20

_PREFIX = "tag:yaml.org,2002:"

# PyYAML built from source has no C parser where libyaml's headers are missing; the slower one reads the same.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+)", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_PREFIX + _kind, re.compile(rf"^(?:{_pattern})$"), _first)


def read_yaml(text: str, source: str) -> tuple[Any, list[Problem]]:
    """The values in `text` and what is wrong with it; `source` names the text where no field can be named."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return None, [_not_yaml(source, f"{place}{error.problem}")]
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        return None, [_not_yaml(source, str(error))]
    if node is None:
        return None, [Problem(path=source, given="an empty file", allowed='a mapping such as "zones: 3"')]
    if not isinstance(node, yaml.MappingNode):
        given = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        return None, [Problem(path=source, given=given, allowed='a mapping such as "zones: 3"')]
    problems: list[Problem] = []
    return _Values(problems).of(node, ""), problems


def _not_yaml(source: str, reason: str) -> Problem:
    return Problem(path=source, given=f"text that is not YAML ({' '.join(reason.split())})", allowed="one YAML mapping")


class _Values:
    """Turns YAML nodes into values; what it cannot read becomes None and a problem."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._seen: set[int] = set()
        self._level = 0

    def of(self, node: yaml.Node, path: str) -> Any:
        if id(node) in self._seen:
            # An alias gives the very node that its anchor gave.
            return self._refuse(path, "an alias (*)", "the value itself")
        self._seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if self._level == _MOST_LEVELS:
            return self._refuse(path, "a deeper level", f"{_MOST_LEVELS} levels")
        self._level += 1
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._level -= 1
        return value

    def _list(self, node: yaml.Node, path: str) -> list[Any]:
        return [self.of(entry, below(path, index)) for index, entry in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(path or "the file", f"a key that is no plain word (line {line})", "plain keys")
                continue
            key = key_node.value
            if key in lines:
                self._refuse(below(path, key), f"twice (lines {lines[key]} and {line})", "once")
                continue
            lines[key] = line
            values[key] = self.of(value_node, below(path, key))
        return values

    def _scalar(self, node: yaml.ScalarNode, path: str) -> Any:
        text = node.value
        match node.tag.removeprefix(_PREFIX):
            case "str":
                return text
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
                return int(text)
            case "int" | "float" if re.fullmatch(r"[-+0-9.eE]+", text):
                try:
                    return float(text)
                except ValueError:
                    pass
        return self._refuse(path, f"{shown(text)} tagged {node.tag}", "a value without a tag")

    def _refuse(self, path: str, given: str, allowed: str) -> None:
        self._problems.append(Problem(path=path, given=given, allowed=allowed))
