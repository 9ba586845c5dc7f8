"""Reads a configuration: YAML to `ClusterConfig`, or every problem it has.

msgspec stops at the first error, so the structs are walked here and msgspec converts the leaves only. A field that
cannot be read is reported and replaced by its default, so that the rules can still judge the rest.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from generator.config.model import ClusterConfig
from generator.config.problem import ConfigError, Note, Problem, below, is_within, short, shown
from generator.config.rules import check, given_vpc, notes, unstated
from generator.config.yaml_text import Document, read_yaml


class Loaded(NamedTuple):
    """A file that was accepted."""

    config: ClusterConfig
    notes: list[Note]
    """What a person should look at again."""


def load(path: str | Path) -> ClusterConfig:
    """The configuration in the file. Raises ConfigError."""
    return read(path).config


def read(path: str | Path) -> Loaded:
    """The configuration in the file, and what there is to say about it. Raises ConfigError."""
    source = str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "unreadable").lower()
        raise ConfigError([Problem(given=reason, source=source)]) from None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        given, allowed = "bytes that are not UTF-8", "a YAML file"
        raise ConfigError([Problem(given=given, allowed=allowed, source=source, line=line)]) from None
    return _read(text, source)


def parse(text: str, source: str = "") -> ClusterConfig:
    """The configuration in YAML text; `source` names its file in problems. Raises ConfigError."""
    return _read(text, source).config


def _read(text: str, source: str) -> Loaded:
    document = read_yaml(text)
    problems, config = list(document.problems), None
    if document.values is not None:
        reader = _Reader(document)
        config = reader.read(ClusterConfig, document.values, "")
        reader.require(given_vpc.unstated(config, reader.stated))
        problems = reader.problems
        problems += [refusal for refusal in check(config) if not reader.rests_on_unreadable(refusal)]
    if config is None or problems:
        raise ConfigError(_placed(problems, document, source))
    told = [*notes(config), *unstated.notes(config, reader.stated)]
    found = [msgspec.structs.replace(note, source=source, line=document.line_of(note.path)) for note in told]
    return Loaded(config, found)


def _placed(problems: list[Problem], document: Document, source: str) -> list[Problem]:
    """The problems with their places, in the order of the file."""
    placed = []
    for problem in problems:
        line = problem.line or (document.line_of(problem.path, problem.rests_on) if problem.path else 0)
        placed.append(msgspec.structs.replace(problem, source=source, line=line))
    return sorted(placed, key=lambda problem: problem.line)


class _Reader:
    """Walks values along the types of the model, collecting problems."""

    def __init__(self, document: Document) -> None:
        self.problems = list(document.problems)
        self.stated: set[str] = set()
        """The paths of the settings that the values have."""
        self._typed = document.typed
        self._unreadable = {problem.path for problem in document.problems}

    def rests_on_unreadable(self, refusal: Problem) -> bool:
        return any(
            is_within(path, unreadable) for path in (refusal.path, *refusal.rests_on) for unreadable in self._unreadable
        )

    def require(self, missing: Iterable[Problem]) -> None:
        """Note settings whose default may not be taken; no rule's word on a default is believed then."""
        for problem in [each for each in missing if not self.rests_on_unreadable(each)]:
            self.problems.append(problem)
            self._unreadable.add(problem.path)

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
            if key in values and not (values[key] is None and _may_be_empty(field)):
                self.stated.add(below(path, key))
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
        given = short(self._typed[path]) if path in self._typed else shown(value)
        self.problems.append(Problem(path=path, given=given, allowed=allowed or _allowed(hint, value)))
        self._unreadable.add(path)
        return _stand_in(hint)

    def _refuse_key(self, key: str, missing: list[str], fields: list[str], path: str) -> None:
        near = _nearest(key, missing)
        hint = f" (perhaps {near[0]})" if near else ""
        allowed = f"{', '.join(fields)}{hint}"
        self.problems.append(Problem(path=below(path, key), given="an unknown key", allowed=allowed))
        # What the person meant is unknown, so no rule may judge the default that stands in its place.
        self._unreadable.update(below(path, name) for name in near)


def _nearest(key: str, names: list[str]) -> list[str]:
    """The one of the names that was meant, if any: upper case, hyphens and underscores are no difference."""
    from difflib import get_close_matches  # only a refused file pays for this import

    spellings = {_letters(name): name for name in names}
    return [spellings[each] for each in get_close_matches(_letters(key), list(spellings), n=1)]


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _may_be_empty(field: msgspec.structs.FieldInfo) -> bool:
    """Whether nothing after the key, or comments only, is the same as the key left out.

    True of a section, and of a list or mapping that has nothing in it by default.
    """
    kind, _ = _bare(field.type)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return True
    if get_origin(kind) is dict:
        return field.default_factory is dict
    return get_origin(kind) is tuple and field.default == ()


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
