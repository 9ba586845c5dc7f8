"""What kubeadm is told of a cluster, by the cluster's settings and this node's image."""

from __future__ import annotations

from userdata.image import ImageFacts
from userdata.kubeadm.cluster import Cluster
from userdata.settings import ClusterSettings


def described(settings: ClusterSettings, image: ImageFacts, kubernetes_version: str) -> Cluster:
    """What kubeadm is told of a cluster."""
    return Cluster(
        name=settings.cluster_name,
        version=kubernetes_version,
        endpoint=settings.api_endpoint,
        pod_cidr=settings.pod_cidr,
        service_cidr=settings.service_cidr,
        extra_names=settings.api_extra_names,
        kube_proxy=image.kube_proxy,
        lifetimes=image.lifetimes,
    )
