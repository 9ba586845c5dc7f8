"""Documents for Kubernetes as JSON: the same values always give the same text; and the time-outs in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Document: TypeAlias = Mapping[str, object]


def text(*documents: Document) -> str:
    """The documents as one file, divided as YAML divides them."""
    return "---\n".join(json.dumps(document, indent=2) + "\n" for document in documents)


def seconds(count: int) -> str:
    """A duration as Go reads it."""
    return f"{count}s"


def arguments(given: Mapping[str, str]) -> list[Document]:
    """A program's further arguments as v1beta4 takes them, ordered by name."""
    return [{"name": name, "value": value} for name, value in sorted(given.items())]


def comma_separated(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs as Kubernetes' programs take them in one argument, ordered by name."""
    return ",".join(f"{name}={value}" for name, value in sorted(pairs))


@dataclass(frozen=True)
class Timeouts:
    """How long kubeadm waits for what, in seconds.

    What kubeadm's documentation leaves out is what was measured with 1.36 and 1.37.
    """

    etcd_call: int = 20
    """Each step in etcd with its retries. With kubeadm's 120 a dead member that is still listed costs four minutes."""
    discovery: int = 120
    """Reading the cluster's CA and configuration; the API may ask for half a minute's patience after its start."""
    tls_bootstrap: int = 300
    """Until the kubelet has its certificate: a worker's request waits for an agent's approval."""
    api_call: int = 60
    control_plane: int = 240
    """Until API server, controller manager and scheduler are healthy."""
    kubelet: int = 240


def timeouts(limits: Timeouts) -> Document:
    """Timeouts of v1beta4, which stand in InitConfiguration and in JoinConfiguration."""
    return {
        "etcdAPICall": seconds(limits.etcd_call),
        "discovery": seconds(limits.discovery),
        "tlsBootstrap": seconds(limits.tls_bootstrap),
        "kubernetesAPICall": seconds(limits.api_call),
        "controlPlaneComponentHealthCheck": seconds(limits.control_plane),
        "kubeletHealthCheck": seconds(limits.kubelet),
    }
