"""/etc/holdfast/node.json: the little that an instance cannot find out by itself, written by its user data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from coordination.names import CONTROL_PLANE_ROLE, NODE_FILE, WORKER_ROLE, NodeField

_ALWAYS = (NodeField.CLUSTER, NodeField.ROLE, NodeField.REGION, NodeField.TABLE, NodeField.PARAMETERS)
# Which further field a role has: its slot, or its pool.
_OF_ROLE = {CONTROL_PLANE_ROLE: NodeField.SLOT, WORKER_ROLE: NodeField.POOL}
# Which field a role may have besides. Nothing on a node reads the digest: it is there so that user data, and with it
# the launch template, changes with the pool's labels and taints.
_PERHAPS = {WORKER_ROLE: (NodeField.POOL_DIGEST,)}


class NodeFileError(ValueError):
    """The file is missing or wrong; each of `problems` is one line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class NodeFile:
    """What the node is in its cluster."""

    cluster_uuid: str
    role: str
    """`control-plane` or `worker`."""
    place: str
    """The slot's number of a control plane, the pool's name of a worker."""
    region: str
    table: str
    """The cluster table's name."""
    parameters: str
    """The prefix of everything that the cluster keeps in SSM: `/holdfast/<uuid>`."""

    @property
    def is_control_plane(self) -> bool:
        """Whether it is a control plane, and not a worker."""
        return self.role == CONTROL_PLANE_ROLE


def read(root: Path) -> NodeFile:
    """The file below `root`. Raises NodeFileError."""
    place = root / NODE_FILE.lstrip("/")
    try:
        return node_file(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise NodeFileError([f"{NODE_FILE}: {error.strerror}; the instance's user data writes it"]) from error
    except UnicodeDecodeError as error:
        raise NodeFileError([f"{NODE_FILE} is no text"]) from error


def node_file(text: str) -> NodeFile:
    """What a file with this text says. Raises NodeFileError with every problem at once."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NodeFileError([f"{NODE_FILE} is no JSON: {error}"]) from error
    if not isinstance(found, dict):
        raise NodeFileError([f"{NODE_FILE} is no object"])
    role = str(found.get(NodeField.ROLE))
    needed = [*_ALWAYS, _OF_ROLE[role]] if role in _OF_ROLE else [*_ALWAYS]
    known = {*needed, *_PERHAPS.get(role, ())}
    present = [*needed, *sorted(known & found.keys() - {*needed})]
    problems = [_problem(field, found.get(field)) for field in present if not _is_text(found.get(field))]
    if _is_text(found.get(NodeField.ROLE)) and role not in _OF_ROLE:
        problems.append(f"{NODE_FILE}: role is {role[:80]!r}, allowed: {', '.join(_OF_ROLE)}")
    problems += [f"{NODE_FILE}: {field[:80]!r} is not known" for field in sorted(found.keys() - known)]
    if problems:
        raise NodeFileError(problems)
    return NodeFile(
        cluster_uuid=found[NodeField.CLUSTER],
        role=role,
        place=found[_OF_ROLE[role]],
        region=found[NodeField.REGION],
        table=found[NodeField.TABLE],
        parameters=found[NodeField.PARAMETERS],
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _problem(field: str, value: object) -> str:
    given = "missing" if value is None else repr(value)[:80]
    return f"{NODE_FILE}: {field} is {given}, allowed: text"
