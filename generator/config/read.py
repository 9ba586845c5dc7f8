"""Reads a configuration: YAML to `ClusterConfig`, or every problem it has.

msgspec stops at the first error, so the structs are walked here and msgspec converts the leaves only. A field that
cannot be read is reported and replaced by its default, so that the rules can still judge the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from generator.config.model import ClusterConfig
from generator.config.problem import ConfigError, Problem, below, is_within, shown
from generator.config.rules import check
from generator.config.yaml_text import read_yaml


def load(path: str | Path) -> ClusterConfig:
    """The configuration in the file. Raises ConfigError."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        given = f"a path that cannot be read ({(error.strerror or 'unknown reason').lower()})"
        raise ConfigError([Problem(path=str(path), given=given, allowed="a YAML file")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(path=str(path), given="bytes that are not UTF-8", allowed="a YAML file")]) from None
    return parse(text, str(path))


def parse(text: str, source: str = "the configuration") -> ClusterConfig:
    """The configuration in YAML text; `source` names the text in problems of no single field. Raises ConfigError."""
    values, problems = read_yaml(text, source)
    if values is None:
        raise ConfigError(problems)
    reader = _Reader(problems)
    config: ClusterConfig = reader.read(ClusterConfig, values, "")
    refusals = [refusal for refusal in check(config) if not reader.rests_on_unreadable(refusal)]
    if reader.problems or refusals:
        raise ConfigError(reader.problems + refusals)
    return config


class _Reader:
    """Walks values along the types of the model, collecting problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self._unreadable = {problem.path for problem in problems}

    def rests_on_unreadable(self, refusal: Problem) -> bool:
        return any(
            is_within(path, unreadable) for path in (refusal.path, *refusal.rests_on) for unreadable in self._unreadable
        )

    def read(self, hint: Any, value: Any, path: str) -> Any:
        """`value` as the type says, or a stand-in after noting what is wrong."""
        if path in self._unreadable:
            return _stand_in(hint)
        kind, _ = _bare(hint)
        if get_origin(kind) in (Union, UnionType):
            if value is None:
                return None
            (kind,) = (option for option in get_args(kind) if option is not NoneType)
            return self.read(kind, value, path)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._section(kind, value, path) if isinstance(value, dict) else self._refuse(hint, value, path)
        if get_origin(kind) is tuple:
            return self._list(hint, value, path) if isinstance(value, list) else self._refuse(hint, value, path)
        if get_origin(kind) is dict:
            return self._mapping(hint, value, path) if isinstance(value, dict) else self._refuse(hint, value, path)
        return self._leaf(hint, value, path)

    def _section(self, section: type[msgspec.Struct], values: Mapping[str, Any], path: str) -> Any:
        fields = _fields(section)
        for key in values:
            if key not in fields:
                self._refuse_key(key, [name for name in fields if name not in values], list(fields), path)
        arguments = {}
        for key, field in fields.items():
            if key in values:
                value = self.read(field.type, values[key], below(path, key))
                if field.required or below(path, key) not in self._unreadable:
                    arguments[field.name] = value
            elif field.required:
                arguments[field.name] = self._refuse(field.type, None, below(path, key))
        # Structs check types when they are decoded, not when they are made: stand-ins may be anything.
        return section(**arguments)

    def _list(self, hint: Any, values: list[Any], path: str) -> tuple[Any, ...]:
        kind, meta = _bare(hint)
        self._check_length(meta, values, path)
        return tuple(self.read(get_args(kind)[0], value, below(path, index)) for index, value in enumerate(values))

    def _mapping(self, hint: Any, values: dict[str, Any], path: str) -> dict[str, Any]:
        kind, meta = _bare(hint)
        self._check_length(meta, values, path)
        return {key: self.read(get_args(kind)[1], value, below(path, key)) for key, value in values.items()}

    def _leaf(self, hint: Any, value: Any, path: str) -> Any:
        try:
            leaf = msgspec.convert(value, hint)
        except msgspec.ValidationError:
            return self._refuse(hint, value, path)
        if isinstance(leaf, str):
            many = _bare(hint)[1].get("extra", {}).get("lines", False)
            if not all(line.isprintable() for line in (leaf.split("\n") if many else [leaf])):
                lines = "text" if many else "text on one line,"
                return self._refuse(hint, value, path, f"{lines} without control characters")
        return leaf

    def _check_length(self, meta: Mapping[str, Any], values: list[Any] | dict[str, Any], path: str) -> None:
        least, most = meta.get("min_length", 0), meta.get("max_length", len(values))
        if not least <= len(values) <= most:
            given = f"{len(values)} {'entry' if len(values) == 1 else 'entries'}"
            self.problems.append(Problem(path=path, given=given, allowed=f"{least} to {most}"))

    def _refuse(self, hint: Any, value: Any, path: str, allowed: str = "") -> Any:
        self.problems.append(Problem(path=path, given=shown(value), allowed=allowed or _allowed(hint, value)))
        self._unreadable.add(path)
        return _stand_in(hint)

    def _refuse_key(self, key: str, missing: list[str], fields: list[str], path: str) -> None:
        from difflib import get_close_matches  # only a refused file pays for this import

        near = get_close_matches(key, missing, n=1)
        hint = f" (perhaps {near[0]})" if near else ""
        allowed = f"{', '.join(fields)}{hint}"
        self.problems.append(Problem(path=below(path, key), given="an unknown key", allowed=allowed))
        # What the person meant is unknown, so no rule may judge the default that stands in its place.
        self._unreadable.update(below(path, name) for name in near)


@functools.cache
def _fields(section: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(section)}


def _bare(hint: Any) -> tuple[Any, dict[str, Any]]:
    """The type without its annotations, and what these say together."""
    said: dict[str, Any] = {}
    if get_origin(hint) is Annotated:
        hint, *metas = get_args(hint)
        for meta in metas:
            said |= {name: getattr(meta, name) for name in _SAID if getattr(meta, name) is not None}
    return hint, said


_SAID = ("ge", "le", "min_length", "max_length", "extra")


def _allowed(hint: Any, value: Any) -> str:
    """What the type allows, in words."""
    kind, meta = _bare(hint)
    if get_origin(kind) in (Union, UnionType):
        return _allowed(get_args(kind)[0], value)
    if get_origin(kind) is Literal:
        return ", ".join(str(option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list"
    if get_origin(kind) is dict:
        return "a mapping of text to text"
    if kind is int:
        plain = " in plain digits" if isinstance(value, str) else ""
        return f"a whole number from {meta['ge']} to {meta['le']}{plain}"
    if kind is bool:
        return "true, false"
    if kind is str:
        words = meta.get("extra", {}).get("allowed", "text")
        return f"{words}, in quotes" if isinstance(value, (bool, int, float)) else words
    return f"a mapping with the keys {', '.join(_fields(kind))}"


def _stand_in(hint: Any) -> Any:
    """A value of the right kind in place of one that cannot be read; no rule's word on it is believed."""
    kind, _ = _bare(hint)
    if get_origin(kind) in (Union, UnionType):
        return None
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{field.name: _stand_in(field.type) for field in _fields(kind).values() if field.required})
    return {int: 0, str: "", bool: False, tuple: (), dict: {}}[get_origin(kind) or kind]
