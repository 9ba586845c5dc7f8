"""The patterns of policies: wildcards, policy variables, and ARNs.

A pattern is resolved first, which replaces its variables, and compared then. In a resolved pattern a wildcard is a
character of its own, so that a `*` that came out of a variable stays a literal one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

ANY_TEXT = "\ue000"
"""`*` in a resolved pattern."""
ANY_CHARACTER = "\ue001"
"""`?` in a resolved pattern."""
ARN_PARTS = 6

_TOKEN = re.compile(r"\$\{([^}]*)\}|\*|\?")
_VARIABLE = re.compile(r"\s*([^,\s]+)\s*(?:,\s*'(.*)'\s*)?")
_LITERALS = frozenset("*?$")

Lookup = Callable[[str], str | None]
"""The value of a variable, by its key; None when the request has none, or several."""


class PatternError(ValueError):
    """A pattern that AWS would not take."""


def resolve(text: str, lookup: Lookup, *, wildcards: bool = True) -> str | None:
    """The pattern with its variables replaced; None when one has no value: such a pattern matches nothing.

    Without `wildcards`, `*` and `?` are ordinary characters. Raises PatternError for a variable that cannot be read.
    """
    if "$" not in text and not wildcards:
        return text
    pieces: list[str] = []
    position = 0
    for token in _TOKEN.finditer(text):
        pieces.append(text[position : token.start()])
        position = token.end()
        if token[1] is None:
            pieces.append(_wildcard(token[0]) if wildcards else token[0])
            continue
        value = _value(token[1], lookup)
        if value is None:
            return None
        pieces.append(value)
    return "".join([*pieces, text[position:]])


def check(text: str) -> None:
    """Raises PatternError when a variable in the pattern cannot be read."""
    resolve(text, lambda key: "")


def literal(text: str) -> str:
    """A pattern without variables, as in policies of the version 2008-10-17 and in actions."""
    return text.replace("*", ANY_TEXT).replace("?", ANY_CHARACTER)


def matches(pattern: str, value: str) -> bool:
    """Whether a resolved pattern covers the whole of a value; upper and lower case differ."""
    return _regex(pattern).fullmatch(value) is not None


def arn_matches(pattern: str, arn: str) -> bool:
    """Whether a resolved pattern covers an ARN: part by part, so that no wildcard reaches over a colon before the last.

    A pattern that has not the six parts of an ARN, such as `*`, covers none.
    """
    wanted, given = pattern.split(":", ARN_PARTS - 1), arn.split(":", ARN_PARTS - 1)
    return len(wanted) == len(given) == ARN_PARTS and all(
        matches(one, other) for one, other in zip(wanted, given, strict=True)
    )


def _wildcard(character: str) -> str:
    return ANY_TEXT if character == "*" else ANY_CHARACTER


def _value(inside: str, lookup: Lookup) -> str | None:
    """What stands for `${inside}`: a literal wildcard, the request's value, or the default."""
    if inside in _LITERALS:
        return inside
    found = _VARIABLE.fullmatch(inside)
    if found is None:
        raise PatternError(f"${{{inside}}} is no policy variable")
    value = lookup(found[1])
    return found[2] if value is None else value


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(ANY_TEXT, ".*").replace(ANY_CHARACTER, ".")
    return re.compile(escaped, re.DOTALL)
