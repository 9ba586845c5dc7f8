"""What kubeadm and add-ons are told of a cluster, by its settings and by this node."""

from __future__ import annotations

from userdata.addons.filling import Values
from userdata.config.image import ImageFacts
from userdata.config.node_file import NodeFile
from userdata.config.settings import ClusterSettings
from userdata.kubeadm.cluster import Cluster


def described(
    settings: ClusterSettings, node: NodeFile, image: ImageFacts, kubernetes_version: str, epoch: int
) -> Cluster:
    """What kubeadm is told of a cluster in one of its epochs."""
    return Cluster(
        name=settings.cluster_name,
        version=kubernetes_version,
        endpoint=settings.api_endpoint,
        pod_cidr=settings.pod_cidr,
        service_cidr=settings.service_cidr,
        # Two epochs may be founded at the same address, and are told apart by the ids of their etcd clusters.
        etcd_token=f"{node.cluster_uuid}-{epoch}",
        etcd_volume_gib=settings.etcd_volume_gib,
        extra_names=settings.api_extra_names,
        kube_proxy=image.kube_proxy,
        lifetimes=image.lifetimes,
    )


def values(settings: ClusterSettings, node: NodeFile, authority: str) -> Values:
    """What differs from one cluster's add-ons to another's. `authority` is the cluster's, in PEM."""
    return Values(
        node.cluster_uuid,
        node.region,
        settings.api_endpoint,
        settings.pod_cidr,
        settings.encryption,
        settings.startup_taints,
        settings.addons,
        settings.tags,
        settings.key_arn,
        authority,
    )
