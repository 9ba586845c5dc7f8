"""What a value in a template refers to, and the order that follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SUB_NAME = re.compile(r"\$\{(!?)([^}]*)\}")


@dataclass(frozen=True)
class Reference:
    """A use of a parameter, pseudo parameter or resource; `attribute` is None for Ref."""

    name: str
    attribute: str | None = None


def references(value: Any) -> Iterator[Reference]:
    """Every reference in a value, in the order of the text."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str) and len(value) == 1:
                yield Reference(item)
            elif key == "Fn::GetAtt":
                yield from _attribute(item)
            elif key == "Fn::Sub":
                yield from _substitution(item)
            else:
                yield from references(item)


def _attribute(item: Any) -> Iterator[Reference]:
    if isinstance(item, str):
        name, _, attribute = item.partition(".")
        yield Reference(name, attribute)
    elif isinstance(item, list) and item and isinstance(item[0], str):
        rest = item[1] if len(item) == 2 else ".".join(str(part) for part in item[1:])
        yield Reference(item[0], rest if isinstance(rest, str) else "")
        yield from references(rest)


def _substitution(item: Any) -> Iterator[Reference]:
    text, own = (item, {}) if isinstance(item, str) else (item[0], item[1] if len(item) > 1 else {})
    yield from references(own)
    for escaped, name in SUB_NAME.findall(text):
        stripped = name.strip()
        if not escaped and stripped not in own:
            resource, dot, attribute = stripped.partition(".")
            yield Reference(resource, attribute if dot else None)


def depends_on(definition: Mapping[str, Any]) -> list[str]:
    """A resource definition's DependsOn as a list."""
    given = definition.get("DependsOn") or []
    return [given] if isinstance(given, str) else list(given)


def cycle(after: Mapping[str, Iterable[str]]) -> list[str]:
    """The members of one circle in a graph, sorted; an empty list when there is none."""
    done: set[str] = set()
    for start in after:
        path: list[str] = []
        on_path: set[str] = set()
        stack = [(start, iter(sorted(after.get(start, ()))))] if start not in done else []
        while stack:
            node, successors = stack[-1]
            if node not in on_path:
                path.append(node)
                on_path.add(node)
            following = next((each for each in successors if each not in done), None)
            if following is None:
                done.add(node)
                on_path.discard(path.pop())
                stack.pop()
            elif following in on_path:
                return sorted(path[path.index(following) :])
            else:
                stack.append((following, iter(sorted(after.get(following, ())))))
    return []


def ordered(after: Mapping[str, Iterable[str]]) -> list[str]:
    """The nodes of a graph without circles, each behind those that it comes after."""
    result: list[str] = []
    seen: set[str] = set()

    def visit(node: str) -> None:
        if node in seen or node not in after:
            return
        seen.add(node)
        for each in sorted(after[node]):
            visit(each)
        result.append(node)

    for node in after:
        visit(node)
    return result
