"""What is wrong with a configuration, or worth a word: one line each, all of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST = 80


class Problem(Struct, frozen=True, kw_only=True):
    """One refused field: where it is, what was given, what is allowed."""

    path: str = ""
    """Of the field; empty for the file as a whole."""
    given: str
    """What was given; without `allowed` it says by itself what is wrong."""
    allowed: str = ""
    rests_on: tuple[str, ...] = ()
    """The other fields that the refusal rests on: when one of them cannot be read, the refusal may be wrong."""
    source: str = ""
    """The file, by the name under which it was opened; empty for text that is in none."""
    line: int = 0
    """Of the file, from 1; 0 where there is no line to name."""

    def __str__(self) -> str:
        what = f"given {self.given}; allowed: {self.allowed}" if self.allowed else self.given
        return f"{_where(self.source, self.line, self.path)}: {what}"


class Note(Struct, frozen=True, kw_only=True):
    """What is accepted, and may not be what was meant."""

    path: str
    text: str
    source: str = ""
    """As of a Problem."""
    line: int = 0
    """As of a Problem."""

    def __str__(self) -> str:
        return f"{_where(self.source, self.line, self.path)}: note: {self.text}"


class ConfigError(Exception):
    """A configuration that was refused; `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def _where(source: str, line: int, path: str) -> str:
    """As compilers write it, which editors jump to: `my-cluster.yaml:27: pools[3].minSize`."""
    place = f"{source}:{line}" if source and line else source
    return ": ".join(filter(None, (place, path))) or "the configuration"


def below(path: str, key: str | int) -> str:
    """The path of an entry: `pools` and 1 make `pools[1]`, `network` and `vpc` make `network.vpc`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{quoted(key)}]"
    return f"{path}.{key}" if path else key


def is_within(path: str, ancestor: str) -> bool:
    """Whether `path` is `ancestor` itself or lies below it."""
    return path == ancestor or path.startswith((f"{ancestor}.", f"{ancestor}["))


def quoted(value: Any) -> str:
    """A value as JSON on one line, in the letters in which it was typed; what cannot be seen is escaped."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def shown(value: Any) -> str:
    """A value as an error line shows it: on one line, and short."""
    return "nothing" if value is None else short(quoted(value))


def short(text: str) -> str:
    """A text, cut where it would fill the line."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
