"""A change of one place in a cluster's templates that one rule has to report."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.templates.cluster import Cluster

# The value that takes away what stands at the path.
GONE = object()


class Mutation(NamedTuple):
    """The rule, the place as `layer/section/...`, the new value there, and the example that is changed.

    In a path `~1` stands for a slash within a key, `-` for the end of a list, and a Sid for its statement.
    """

    rule: str
    path: str
    value: Any
    # Two pools with labels and taints, five slots.
    example: str = "production"


def change(cluster: Cluster, path: str, value: Any) -> None:
    """Put a value at a path, or take away what is there."""
    node: Any = cluster.templates
    *parents, last = (part.replace("~1", "/") for part in path.split("/"))
    for part in parents:
        node = node[_key(node, part)]
    if last == "-":
        node.append(value)
    elif value is GONE:
        del node[_key(node, last)]
    else:
        node[_key(node, last)] = value


def _key(node: Any, part: str) -> str | int:
    if isinstance(node, dict):
        return part
    if part.isdigit():
        return int(part)
    return next(index for index, entry in enumerate(node) if entry.get("Sid") == part)
