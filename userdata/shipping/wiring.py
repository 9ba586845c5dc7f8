"""`holdfast-node logs`: ships this node's logs, as the unit holdfast-logs runs it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coordination.adapters.clients import client
from coordination.outcomes import Known, Unknown
from userdata.config import node_file
from userdata.config.node_file import NodeFile
from userdata.config.settings import ClusterSettings
from userdata.config.ssm import read_cluster
from userdata.host import environment
from userdata.host.files import File, write
from userdata.host.instance import Metadata
from userdata.kubeadm.places import AUDIT_LOG_FOLDER
from userdata.logs.cloudwatch import LogStream, stream_name
from userdata.logs.files import log_file, together
from userdata.logs.lines import Log, Stage, StageFailed
from userdata.shipping import formats
from userdata.shipping.cursors import CURSOR_FILE, Cursors
from userdata.shipping.files import RotatedFiles
from userdata.shipping.journal import Journal
from userdata.shipping.progress import PROGRESS_FILE, PROGRESS_SECONDS, Progress, document
from userdata.shipping.running import Shipping
from userdata.shipping.shipment import Shipment
from userdata.shipping.source import Cursor, Source

_PODS = "/var/log/pods"
_LOOK_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Shipped:
    """A log that is shipped: the last part of its stream's name, its group, and how its source is made."""

    name: str
    group: str
    source: Callable[[Cursor], Source]


def logs(root: Path) -> int:
    """Ship logs until SIGTERM, and then what is left; the exit code. Raises NodeFileError."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    log = Log(together(Log().write, log_file(root, "logs").write))
    node = node_file.read(root)
    environment.prepare(node.region)
    with log.stage("settings") as told:
        place = _place(node, stop, told)
    if place is None:
        return 0
    instance_id, settings = place
    cursors = Cursors(root)
    with log.stage("cursors") as told:
        try:
            cursors.load()
        except (OSError, ValueError) as error:
            # What was shipped before arrives once more.
            told.reason = f"all logs begin anew: {type(error).__name__}"
    sends, prefix = client("logs"), stream_name(node.role, instance_id)
    shipments = [
        Shipment(
            each.name,
            _made(each, cursors, log),
            LogStream(sends, each.group, f"{prefix}/{each.name}"),
            partial(cursors.keep, each.name),
        )
        for each in shipped(root, node, settings)
    ]
    with log.stage("ship") as told:
        shipping = Shipping(shipments, stop)
        shipping.run(lambda: _store(root, cursors, shipments, told), PROGRESS_SECONDS)
        if shipping.failed:
            raise StageFailed(shipping.failed)
    return 0


def shipped(root: Path, node: NodeFile, settings: ClusterSettings) -> list[Shipped]:
    """What a node ships, and into which group."""

    def files(folder: str, pattern: str, to_line: formats.ToLine) -> Callable[[Cursor], Source]:
        return lambda cursor: RotatedFiles(root / folder.lstrip("/"), pattern, to_line, cursor)

    def pod(name: str) -> Callable[[Cursor], Source]:
        # A static pod has its node's name in its own, and a new folder whenever its manifest changes.
        return files(_PODS, f"kube-system_{name}-*/{name}/*.log*", formats.container)

    group = settings.control_plane_log_group if node.is_control_plane else settings.worker_log_group
    of_every_node = [Shipped(name, group, partial(Journal, f"{name}.service")) for name in ("kubelet", "containerd")]
    if not node.is_control_plane:
        return of_every_node
    return [
        Shipped("audit", settings.audit_log_group, files(AUDIT_LOG_FOLDER, "audit*.log", formats.audit)),
        *(Shipped(name, group, pod(name)) for name in ("etcd", "kube-apiserver")),
        *of_every_node,
    ]


def _place(node: NodeFile, stop: threading.Event, told: Stage) -> tuple[str, ClusterSettings] | None:
    """Who this is and what holds for it, for as long as it takes to learn that; None where the node goes down first."""
    ssm, pause = client("ssm"), _LOOK_SECONDS
    while True:
        identity = Metadata().identity()
        found = identity if isinstance(identity, Unknown) else read_cluster(ssm, node.parameters)
        if isinstance(identity, Known) and isinstance(found, Known):
            return identity.value.instance_id, found.value
        told.wait(found.reason if isinstance(found, Unknown) else "; ".join(getattr(found, "problems", ())))
        if stop.wait(pause):
            return None
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _made(each: Shipped, cursors: Cursors, log: Log) -> Source:
    with log.stage(f"source-{each.name}") as told:
        try:
            return each.source(cursors.of(each.name))
        except ValueError as error:
            told.reason = f"it begins anew: {error}"
            return each.source({})


def _store(root: Path, cursors: Cursors, shipments: list[Shipment], told: Stage) -> None:
    """Store where each log goes on, and tell people and `status` how far it is."""
    found = [each.progress for each in shipments]
    progress = Progress(time.time(), tuple(found))
    stuck = [f"{each.name}: {each.reason}" for each in found if each.reason]
    # One in memory, the other on a disk that may be full.
    stores: dict[str, Callable[[], object]] = {
        PROGRESS_FILE: partial(write, root, {PROGRESS_FILE: File(document(progress), 0o640)}),
        CURSOR_FILE: cursors.store,
    }
    for what, store in stores.items():
        try:
            store()
        except OSError as error:
            stuck.append(f"{what} cannot be written: {error.strerror}")
    stuck += [f"{each.name}: {each.lost} lines and {each.gaps} gaps lost" for each in found if each.lost or each.gaps]
    if stuck:
        told.wait("; ".join(stuck))
