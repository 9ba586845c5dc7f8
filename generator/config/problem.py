"""What is wrong with a configuration: one line per problem, all of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Problem(Struct, frozen=True, kw_only=True):
    """One refused field: where it is, what was given, what is allowed."""

    path: str
    given: str
    allowed: str
    # The other fields that the refusal rests on: when one of them cannot be read, the refusal may be wrong.
    rests_on: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: given {self.given}; allowed: {self.allowed}"


class ConfigError(Exception):
    """A configuration that was refused; `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def below(path: str, key: str | int) -> str:
    """The path of an entry: `pools` and 1 make `pools[1]`, `network` and `vpc` make `network.vpc`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def is_within(path: str, ancestor: str) -> bool:
    """Whether `path` is `ancestor` itself or lies below it."""
    return path == ancestor or path.startswith((f"{ancestor}.", f"{ancestor}["))


def shown(value: Any) -> str:
    """A value as an error line shows it: on one line, and short."""
    if value is None:
        return "nothing"
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
