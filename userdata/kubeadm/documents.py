"""Documents for Kubernetes as JSON: the same values always give the same text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

Document: TypeAlias = Mapping[str, object]


def text(*documents: Document) -> str:
    """The documents as one file, divided as YAML divides them."""
    return "---\n".join(json.dumps(document, indent=2) + "\n" for document in documents)


def seconds(count: int) -> str:
    """A duration as Go reads it."""
    return f"{count}s"


def arguments(given: Mapping[str, str]) -> list[Document]:
    """A program's further arguments as v1beta4 takes them, ordered by name."""
    return [{"name": name, "value": value} for name, value in sorted(given.items())]


def comma_separated(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs as Kubernetes' programs take them in one argument, ordered by name."""
    return ",".join(f"{name}={value}" for name, value in sorted(pairs))
