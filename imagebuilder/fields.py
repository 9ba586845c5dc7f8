"""Reading fields of versions.json: each is what it should be, or an error of one line names it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any


class VersionsError(ValueError):
    """The file of versions holds something that cannot be used; the message is one line that names the field."""


def table(name: str, raw: Any, *, every: Collection[str] | None = None) -> dict[str, Any]:
    """An object, of exactly the fields `every` where these are given. VersionsError."""
    if not isinstance(raw, dict):
        raise VersionsError(f"{name}: {raw!r}; allowed: an object")
    if every is not None and set(raw) != set(every):
        raise VersionsError(f"{name}: {sorted(raw)}; allowed: exactly the fields {sorted(every)}")
    return raw


def text(name: str, raw: Any, pattern: str, allowed: str) -> str:
    """A text that matches a pattern from end to end. VersionsError says what is `allowed` otherwise."""
    if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
        raise VersionsError(f"{name}: {raw!r} is no {allowed}")
    return raw
