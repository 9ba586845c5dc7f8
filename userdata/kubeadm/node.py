"""What a node registers with: its name, where it is, labels, taints, and what it keeps for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from userdata.kubeadm.documents import Document, arguments, comma_separated

_CRI_SOCKET = "unix:///run/containerd/containerd.sock"

_GIB = 1024.0
# Up to which size (the last has no end), and which part of each step the kubelet keeps from pods.
_MEMORY_MIB = ((4 * _GIB, 0.25), (8 * _GIB, 0.20), (16 * _GIB, 0.10), (128 * _GIB, 0.06), (float("inf"), 0.02))
_CPUS = ((1.0, 0.06), (2.0, 0.01), (4.0, 0.005), (float("inf"), 0.0025))

TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


@dataclass(frozen=True)
class Taint:
    """A taint of a Node."""

    key: str
    effect: TaintEffect
    value: str = ""


CONTROL_PLANE_TAINT = Taint("node-role.kubernetes.io/control-plane", "NoSchedule")


@dataclass(frozen=True)
class Host:
    """What the computer under a node does not allow. On EC2 with Amazon Linux 2023 all of it is as Kubernetes wants."""

    cgroup_v1: bool = False
    """The kubelet refuses cgroup v1 unless it is told not to, and kubeadm's SystemVerification with it."""
    fixed_conntrack: bool = False
    """The kernel's table of connections cannot be sized from here; kube-proxy must not try."""


@dataclass(frozen=True)
class Node:
    """One node. Everything but labels and taints comes from the instance's metadata."""

    name: str
    """The instance's id."""
    address: str
    zone: str
    region: str
    instance_type: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """The pool's; they give way to where the node is."""
    taints: tuple[Taint, ...] = ()
    reserved: Mapping[str, str] = field(default_factory=dict)
    """What the kubelet keeps from pods (`reserved`)."""

    @property
    def provider_id(self) -> str:
        """By this the cluster-autoscaler finds the Node's instance, in the form of AWS's cloud provider."""
        return f"aws:///{self.zone}/{self.name}"


def reserved(cpus: int, memory_mib: int) -> dict[str, str]:
    """What the kubelet of a machine with so many CPUs and MiB of memory keeps from pods, as quantities of Kubernetes.

    It is for the kubelet itself, containerd and the system. By the steps that GKE publishes, because they begin with
    small machines and end with large ones: https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes
    (what is reserved, without the eviction threshold, which is the kubelet's own).
    """
    return {
        "cpu": f"{_stepwise(cpus, _CPUS) * 1000:.0f}m",
        "memory": f"{_stepwise(memory_mib, _MEMORY_MIB):.0f}Mi",
    }


def registration(node: Node, host: Host, unchecked: Sequence[str] = ()) -> Document:
    """NodeRegistrationOptions of v1beta4; `unchecked` are checks of kubeadm's that may fail."""
    placed = {
        "topology.kubernetes.io/region": node.region,
        "topology.kubernetes.io/zone": node.zone,
        "node.kubernetes.io/instance-type": node.instance_type,
    }
    given = {
        "provider-id": node.provider_id,
        "node-ip": node.address,
        "node-labels": comma_separated({**node.labels, **placed}.items()),
    }
    if node.reserved:
        given["kube-reserved"] = comma_separated(node.reserved.items())
    found: dict[str, object] = {
        "name": node.name,
        "criSocket": _CRI_SOCKET,
        # An empty list is said: without one kubeadm puts its own taint on a control plane.
        "taints": [_taint(taint) for taint in node.taints],
        "kubeletExtraArgs": arguments(given),
    }
    ignored = [*(["SystemVerification"] if host.cgroup_v1 else []), *unchecked]
    if ignored:
        found["ignorePreflightErrors"] = ignored
    return found


def _taint(taint: Taint) -> Document:
    valued = {"value": taint.value} if taint.value else {}
    return {"key": taint.key, **valued, "effect": taint.effect}


def _stepwise(size: float, steps: Sequence[tuple[float, float]]) -> float:
    total, start = 0.0, 0.0
    for end, part in steps:
        total += max(0.0, min(size, end) - start) * part
        start = end
    return total
