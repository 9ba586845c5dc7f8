"""What differs between a resource's properties before and after, and whether that means a new physical resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rehearsal.aws.cloudformation.intrinsics import text_of

Kind = Literal["Add", "Remove", "Modify"]
_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One property that differs. `path` is a JSON pointer such as `/Properties/Tags/0/Value`."""

    path: tuple[str, ...]
    kind: Kind
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """The top-level property."""
        return self.path[0]

    @property
    def pointer(self) -> str:
        """The path as change sets show it."""
        return "/Properties/" + "/".join(self.path)


def same(before: Any, after: Any) -> bool:
    """Whether two values mean the same: CloudFormation takes "3" and 3, "true" and true for equal."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(same(a, b) for a, b in zip(before, after, strict=True))
    if isinstance(before, (Mapping, list)) or isinstance(after, (Mapping, list)):
        return False
    return text_of(before) == text_of(after)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every property that differs, as deep as it can be named."""
    return list(_compare((), before, after))


def _compare(path: tuple[str, ...], before: Any, after: Any) -> Iterable[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _compare((*path, key), before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _compare((*path, str(index)), old, new)
    elif before is _ABSENT:
        yield Difference(path, "Add", None, after)
    elif after is _ABSENT:
        yield Difference(path, "Remove", before, None)
    elif not same(before, after):
        yield Difference(path, "Modify", before, after)


def touches(difference: Difference, properties: Iterable[str]) -> bool:
    """Whether a difference lies within, or contains, one of the properties (`Name` or `Settings/Name`)."""
    # A list's indexes are written `*` in schemas and left out in providers; they decide nothing here.
    path = tuple(part for part in difference.path if not part.isdecimal())
    for each in properties:
        wanted = tuple(part for part in each.replace(".", "/").split("/") if part != "*")
        length = min(len(path), len(wanted))
        if path[:length] == wanted[:length]:
            return True
    return False


def replaced(found: Iterable[Difference], create_only: frozenset[str]) -> bool:
    """Whether the differences need a new physical resource."""
    return any(touches(each, create_only) for each in found)
