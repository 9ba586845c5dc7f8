"""What holds for the whole cluster: ClusterConfiguration, and how every kubelet and kube-proxy is configured."""

from __future__ import annotations

from dataclasses import dataclass

from userdata.kubeadm.documents import Document, arguments, seconds
from userdata.kubeadm.node import Host
from userdata.kubeadm.places import (
    API_PORT,
    API_SERVER_FOLDER,
    AUDIT_LOG_FILE,
    AUDIT_LOG_FOLDER,
    AUDIT_POLICY_FILE,
    AUTHENTICATION_FILE,
    ENCRYPTION_FILE,
)
from userdata.pki.placing import CLUSTER_CA

API_VERSION = "kubeadm.k8s.io/v1beta4"

# Leaves of control planes keep kubeadm's default kind. The API server's is negotiated with by the balancer's health
# check, and no document says that it speaks ECDSA; a load balancer of AWS has failed to before
# (https://github.com/k3s-io/cluster-api-k3s/issues/17). Authorities and own leaves are not met by it.
_LEAF_KEYS = "RSA-2048"

# A gigabyte at most on the root volume.
_AUDIT_LOG_MEGABYTES = 100
_AUDIT_LOG_FILES = 9


@dataclass(frozen=True)
class Lifetimes:
    """How long certificates are good, in seconds. A year, as kubeadm's; the agents renew them long before."""

    leaf: int = 365 * 24 * 3600
    """Of the control planes' own certificates."""
    kubelet: int = 365 * 24 * 3600
    """Of what the cluster's authority signs on request, above all the kubelets' certificates."""


@dataclass(frozen=True)
class Cluster:
    """What the founder decides for all."""

    name: str
    version: str
    """Of Kubernetes, as `v1.37.2`."""
    endpoint: str
    """The name under which the API is reached through the balancer."""
    pod_cidr: str
    service_cidr: str
    etcd_token: str
    """What etcd makes its cluster's id of, together with the first member's address: each founding needs its own."""
    extra_names: tuple[str, ...] = ()
    """Further names in the API server's certificate."""
    kube_proxy: bool = True
    """False where the network does what kube-proxy does."""
    lifetimes: Lifetimes = Lifetimes()

    @property
    def server(self) -> str:
        """The API's URL."""
        return f"https://{self.endpoint}:{API_PORT}"


def cluster_configuration(cluster: Cluster) -> Document:
    """ClusterConfiguration of v1beta4; kubeadm stores it in the cluster, and every later join reads it there."""
    quiet = {"profiling": "false"}
    signing = {"cluster-signing-duration": seconds(cluster.lifetimes.kubelet)}
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": cluster.version,
        "controlPlaneEndpoint": f"{cluster.endpoint}:{API_PORT}",
        "networking": {"podSubnet": cluster.pod_cidr, "serviceSubnet": cluster.service_cidr},
        "encryptionAlgorithm": _LEAF_KEYS,
        "certificateValidityPeriod": seconds(cluster.lifetimes.leaf),
        "apiServer": {
            "certSANs": [cluster.endpoint, *cluster.extra_names],
            "extraArgs": arguments({**_api_server_arguments(), **quiet}),
            "extraVolumes": [
                _mounted("api-server", API_SERVER_FOLDER, read_only=True),
                _mounted("audit-log", AUDIT_LOG_FOLDER, read_only=False),
            ],
        },
        # Only a cluster that is founded takes it; a member that joins takes the id of the cluster that is there.
        "etcd": {"local": {"extraArgs": arguments({"initial-cluster-token": cluster.etcd_token})}},
        "controllerManager": {"extraArgs": arguments({**signing, **quiet})},
        "scheduler": {"extraArgs": arguments(quiet)},
        "proxy": {"disabled": not cluster.kube_proxy},
    }


def kubelet_configuration(host: Host) -> Document:
    """KubeletConfiguration, the same for every node. The cgroup driver is not said: the kubelet asks containerd."""
    accepted = {"failCgroupV1": False} if host.cgroup_v1 else {}
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Certificates of the cluster's authority on both sides, renewed by the kubelet itself.
        "serverTLSBootstrap": True,
        "rotateCertificates": True,
        **accepted,
    }


def kube_proxy_configuration(host: Host) -> Document:
    """KubeProxyConfiguration."""
    untouched = {"conntrack": {"maxPerCore": 0, "min": 0}} if host.fixed_conntrack else {}
    return {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", **untouched}


def _api_server_arguments() -> dict[str, str]:
    return {
        "encryption-provider-config": ENCRYPTION_FILE,
        "authentication-config": AUTHENTICATION_FILE,
        "audit-policy-file": AUDIT_POLICY_FILE,
        "audit-log-path": AUDIT_LOG_FILE,
        "audit-log-maxsize": str(_AUDIT_LOG_MEGABYTES),
        "audit-log-maxbackup": str(_AUDIT_LOG_FILES),
        # Without it the API server believes whoever answers at a kubelet's address.
        "kubelet-certificate-authority": CLUSTER_CA,
    }


def _mounted(name: str, folder: str, *, read_only: bool) -> Document:
    return {
        "name": name,
        "hostPath": folder,
        "mountPath": folder,
        "readOnly": read_only,
        "pathType": "DirectoryOrCreate",
    }
