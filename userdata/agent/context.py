"""What an agent stands on: who it is, and the clients that it asks with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from coordination.adapters.clients import client
from coordination.adapters.instances import ClusterGroups
from coordination.adapters.table import ClusterTable
from coordination.outcomes import Known, Unknown
from userdata.config import image, node_file
from userdata.config.cluster import described
from userdata.config.image import ImageFacts
from userdata.config.node_file import NodeFile
from userdata.config.settings import ClusterSettings
from userdata.config.ssm import read_cluster
from userdata.host import environment
from userdata.host.etcd_disk import EtcdDisk
from userdata.host.instance import InstanceIdentity, Metadata
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.machine import SystemMachine
from userdata.logs.lines import StageFailed


@dataclass(frozen=True)
class AgentContext:
    """What the agent stands on. systemd starts it again where any of it cannot be had."""

    root: Path
    node: NodeFile
    image: ImageFacts
    identity: InstanceIdentity
    settings: ClusterSettings
    table: ClusterTable
    groups: ClusterGroups
    disk: EtcdDisk
    kubernetes_version: str
    """Of the image."""
    api: Api
    """This node's own API server."""

    def cluster(self, epoch: int) -> Cluster:
        """What kubeadm was told of the cluster in this epoch."""
        return described(self.settings, self.node, self.image, self.kubernetes_version, epoch)


def agent_context(root: Path) -> AgentContext:
    """Everything that is read once. Raises StageFailed, NodeFileError."""
    node = node_file.read(root)
    environment.prepare(node.region)
    identity = Metadata().identity()
    if isinstance(identity, Unknown):
        raise StageFailed(identity.reason)
    settings = read_cluster(client("ssm"), node.parameters)
    if not isinstance(settings, Known):
        raise StageFailed(settings.reason if isinstance(settings, Unknown) else "; ".join(settings.problems))
    return AgentContext(
        root=root,
        node=node,
        image=image.read(root),
        identity=identity.value,
        settings=settings.value,
        table=ClusterTable(client("dynamodb"), node.table),
        groups=ClusterGroups(client("autoscaling"), client("ec2"), node.cluster_uuid),
        disk=EtcdDisk(root),
        kubernetes_version=SystemMachine(root).kubernetes_version(),
        api=Api(identity.value.address, Access(identity.value.instance_id, root).agent),
    )
