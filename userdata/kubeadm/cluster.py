"""What holds for the whole cluster: ClusterConfiguration, and how every kubelet and kube-proxy is configured."""

from __future__ import annotations

from dataclasses import dataclass

from userdata.kubeadm import api_server, tls
from userdata.kubeadm.documents import Document, arguments, seconds
from userdata.kubeadm.node import Host
from userdata.kubeadm.places import API_PORT, API_SERVER_FOLDER, AUDIT_LOG_FOLDER

API_VERSION = "kubeadm.k8s.io/v1beta4"

# Leaves of control planes keep kubeadm's default kind. The API server's is negotiated with by the balancer's health
# check, and no document says that it speaks ECDSA; a load balancer of AWS has failed to before
# (https://github.com/k3s-io/cluster-api-k3s/issues/17). Authorities and own leaves are not met by it.
_LEAF_KEYS = "RSA-2048"

_GIB = 1 << 30
# etcd suggests no more (https://etcd.io/docs/v3.6/dev-guide/limit/).
_MOST_QUOTA_BYTES = 8 * _GIB
# etcd's log and its preallocated files.
_LOG_BYTES = 1 * _GIB
LEAST_ETCD_VOLUME_GIB = 8
"""The configuration allows no less; on less there is hardly room for etcd's log."""

# A cluster's controllers remove pods that have ended only beyond it. Kubernetes' default is 12500.
_ENDED_PODS = "1000"

_PIDS_OF_A_POD = 4096
SHUTDOWN_SECONDS = 60
"""How long a node that goes down waits for its pods. The image lets the kubelet hold systemd up for so long."""
# Of these, for the API server, etcd and others that a node cannot be without: a static pod has half a minute to end.
_CRITICAL_SHUTDOWN_SECONDS = 30


@dataclass(frozen=True)
class Lifetimes:
    """How long certificates are good, in seconds."""

    leaf: int = 365 * 24 * 3600
    """Of the control planes' own certificates: a year, as kubeadm's; the agents renew them long before."""
    kubelet: int = 30 * 24 * 3600
    """Of what the cluster's authority signs on request, above all the kubelets' certificates.

    Kubernetes revokes none, so a stolen one is good for so long. Kubelets ask for the next one when less than three
    tenths are left, and the agents may be away for days.
    """


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
    etcd_volume_gib: int
    """The size of the disk that etcd has for itself."""
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
    component = {"profiling": "false", **tls.ARGUMENTS}
    controllers = {
        "cluster-signing-duration": seconds(cluster.lifetimes.kubelet),
        "terminated-pod-gc-threshold": _ENDED_PODS,
    }
    etcd = {
        # Only a cluster that is founded takes it; a member that joins takes the id of the cluster that is there.
        "initial-cluster-token": cluster.etcd_token,
        "quota-backend-bytes": str(quota_bytes(cluster.etcd_volume_gib)),
        **tls.ETCD_ARGUMENTS,
    }
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
            "extraArgs": arguments(api_server.ARGUMENTS),
            "extraVolumes": [
                _mounted("api-server", API_SERVER_FOLDER, read_only=True),
                _mounted("audit-log", AUDIT_LOG_FOLDER, read_only=False),
            ],
        },
        "etcd": {"local": {"extraArgs": arguments(etcd)}},
        "controllerManager": {"extraArgs": arguments({**controllers, **component})},
        "scheduler": {"extraArgs": arguments(component)},
        "proxy": {"disabled": not cluster.kube_proxy},
    }


def quota_bytes(volume_gib: int) -> int:
    """How large etcd's database may become on a disk of this size: then etcd takes no more writes.

    There has to be room beside it for a second one: a member that has fallen behind gets a whole copy, and a
    defragmentation writes one.
    """
    return min(_MOST_QUOTA_BYTES, (volume_gib * _GIB - _LOG_BYTES) // 2)


def kubelet_configuration(host: Host) -> Document:
    """KubeletConfiguration, the same for every node. The cgroup driver is not said: the kubelet asks containerd."""
    accepted = {"failCgroupV1": False} if host.cgroup_v1 else {}
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Certificates of the cluster's authority on both sides, renewed by the kubelet itself.
        "serverTLSBootstrap": True,
        "rotateCertificates": True,
        "tlsMinVersion": tls.MIN_VERSION,
        "tlsCipherSuites": list(tls.CIPHER_SUITES),
        # A pod has a part of the process table, and the system calls that containerd's own profile allows.
        "podPidsLimit": _PIDS_OF_A_POD,
        "seccompDefault": True,
        # The image sets what the kubelet wants (sysctl.d). One that finds it otherwise ends, and changes nothing.
        "protectKernelDefaults": True,
        # The kubelet's default, which kubeadm writes as 0.
        "streamingConnectionIdleTimeout": seconds(4 * 3600),
        # Before a node goes down its pods end, and last those that it cannot be without.
        "shutdownGracePeriod": seconds(SHUTDOWN_SECONDS),
        "shutdownGracePeriodCriticalPods": seconds(_CRITICAL_SHUTDOWN_SECONDS),
        "enableDebugFlagsHandler": False,
        "enableProfilingHandler": False,
        **accepted,
    }


def kube_proxy_configuration(host: Host) -> Document:
    """KubeProxyConfiguration."""
    untouched = {"conntrack": {"maxPerCore": 0, "min": 0}} if host.fixed_conntrack else {}
    return {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", **untouched}


def _mounted(name: str, folder: str, *, read_only: bool) -> Document:
    return {
        "name": name,
        "hostPath": folder,
        "mountPath": folder,
        "readOnly": read_only,
        "pathType": "DirectoryOrCreate",
    }
