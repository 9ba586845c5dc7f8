"""`holdfast-node status`: puts together where its facts come from, and prints them."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from coordination.adapters.clients import client
from coordination.adapters.table import ClusterTable
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import TableReader
from coordination.report.rendering import document, screen
from userdata.config import node_file
from userdata.config.node_file import NodeFile
from userdata.etcd.view import look, member_at
from userdata.host import environment
from userdata.host.instance import Metadata
from userdata.status.decide import decide
from userdata.status.gather import StatusSources, gather
from userdata.status.snapshot import Who


def status(root: Path, *, as_json: bool) -> int:
    """Print what this node believes; 0 healthy, 1 something needs attention, 2 not everything could be found out."""
    found = decide(gather(_sources(root)))
    sys.stdout.write(document(found) if as_json else screen(found))
    return int(found.verdict)


def _sources(root: Path) -> StatusSources:
    try:
        node = node_file.read(root)
    except node_file.NodeFileError as error:
        unknown = Unknown(str(error))
        return StatusSources(root, unknown, False, unknown, lambda: unknown)
    environment.prepare(node.region)
    identity = Metadata().identity()
    instance_id = identity.value.instance_id if isinstance(identity, Known) else ""
    address = identity.value.address if isinstance(identity, Known) else "127.0.0.1"
    table: Reading[TableReader] = Known(ClusterTable(client("dynamodb"), node.table))

    etcd = partial(look, member_at(address), member_at)
    return StatusSources(root, Known(_who(node, instance_id)), node.is_control_plane, table, etcd)


def _who(node: NodeFile, instance_id: str) -> Who:
    return Who(instance_id, node.role, node.place, node.cluster_uuid)
