"""Puts the agent together: what it knows of its node and its cluster, and which tasks it has."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coordination.adapters.clients import client
from coordination.adapters.instances import ClusterGroups
from coordination.adapters.table import ClusterTable
from coordination.node_leases import LeaseName
from coordination.outcomes import Known, Unknown
from userdata import image, node_file, notify
from userdata.agent import approvals, join_tokens
from userdata.agent.joining import Here
from userdata.agent.leasing import Leasing
from userdata.agent.loop import Loop, serve
from userdata.agent.pulse import Pulse
from userdata.agent.tasks import Task
from userdata.boot.disk import EtcdDisk
from userdata.cloud.logs import Mirror, stream_name
from userdata.identity import Identity, Metadata
from userdata.image import ImageFacts
from userdata.join_store import JoinStore
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kubeadm.places import API_PORT
from userdata.log import Log, StageFailed
from userdata.node_file import NodeFile
from userdata.outputs import outputs
from userdata.parameters import read_cluster
from userdata.pki.placing import CLUSTER_CA
from userdata.settings import ClusterSettings


@dataclass(frozen=True)
class Ground:
    """What the agent stands on. systemd starts it again where any of it cannot be had."""

    root: Path
    node: NodeFile
    image: ImageFacts
    identity: Identity
    settings: ClusterSettings
    table: ClusterTable
    groups: ClusterGroups
    disk: EtcdDisk


def agent(root: Path) -> int:
    """Run the agent until SIGTERM; the exit code."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with outputs("agent", root) as out:
        with out.log.stage("start"):
            ground = ground_of(root)
        stream = f"{stream_name(ground.node.role, ground.identity.instance_id)}/agent"
        out.mirror(Mirror(client("logs"), ground.settings.node_log_group, stream))
        return _run(ground, out.log, stop)


def ground_of(root: Path) -> Ground:
    """Everything that is read once. Raises StageFailed, NodeFileError."""
    node = node_file.read(root)
    os.environ["AWS_DEFAULT_REGION"] = node.region
    identity = Metadata().identity()
    if isinstance(identity, Unknown):
        raise StageFailed(identity.reason)
    settings = read_cluster(client("ssm"), node.parameters)
    if not isinstance(settings, Known):
        raise StageFailed(settings.reason if isinstance(settings, Unknown) else "; ".join(settings.problems))
    return Ground(
        root=root,
        node=node,
        image=image.read(root),
        identity=identity.value,
        settings=settings.value,
        table=ClusterTable(client("dynamodb"), node.table),
        groups=ClusterGroups(client("autoscaling"), client("ec2"), node.cluster_uuid),
        disk=EtcdDisk(root),
    )


def _run(ground: Ground, log: Log, stop: threading.Event) -> int:
    tell = notify.notifier()
    pulse = Pulse(tell)
    timings = ground.image.pace.leases
    leadership = Leasing(ground.table, LeaseName.AGENT, ground.identity.instance_id, timings)
    lead = Task("lead", timings.renew, leadership.contend, leader_only=False)
    loop = Loop([lead, *_tasks(ground)], leadership, log, pulse)
    tell(notify.READY)
    return serve(loop, pulse, leadership.let_go, stop)


def _tasks(ground: Ground) -> Sequence[Task]:
    identity = ground.identity
    api = Api(identity.address, Access(identity.instance_id, ground.root).agent)
    prefix = identity.arn.removesuffix(identity.instance_id)
    judge = approvals.Approvals(api, ground.groups, ground.table, lambda instance_id: prefix + instance_id)
    return (*approvals.tasks(judge), join_tokens.task(tokens(ground, api)))


def tokens(ground: Ground, api: Api) -> join_tokens.JoinTokens:
    """What keeps the join data good."""
    store = JoinStore(client("ssm"), ground.node.parameters, ground.settings.key_arn)
    server = f"https://{ground.settings.api_endpoint}:{API_PORT}"

    def here() -> Known[Here] | Unknown:
        identity = ground.disk.read().identity
        if identity is None:
            return Unknown("whose etcd data is on this node is not known")
        bundle = (ground.root / CLUSTER_CA.lstrip("/")).read_text(encoding="ascii")
        return Known(Here(identity.etcd_cluster_id, server, bundle))

    return join_tokens.JoinTokens(api, ground.table, store, here, ground.image.pace.token)
