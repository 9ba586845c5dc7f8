"""Whether the parts of this control plane serve, asked as their own probes ask them: without a name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from coordination.outcomes import Unknown
from userdata.etcd.client import Etcd
from userdata.host import https
from userdata.host.processes import processes
from userdata.kube.probe import probe
from userdata.pki.inventory import Pod

# Where they answer on the node itself: as in kubeadm's own probes.
_LOCAL = {Pod.CONTROLLER_MANAGER: (10257, "/healthz"), Pod.SCHEDULER: (10259, "/readyz")}


def why_not_serving(pod: Pod, address: str, authority: str, etcd: Etcd) -> str:
    """Why a part of this control plane cannot do its work; empty where it can.

    `address` is the node's own, `authority` the path of the cluster's authority.
    """
    if pod is Pod.ETCD:
        health = etcd.health()
        if isinstance(health, Unknown):
            return health.reason
        return "" if health.value.healthy else f"etcd is not healthy: {health.value.reason}"
    if pod is Pod.API_SERVER:
        probed = probe(pod, address, partial(https.trusting_file, authority))
    else:
        # Both have certificates that they sign themselves.
        port, path = _LOCAL[pod]
        probed = probe(pod, "127.0.0.1", https.trusting_anybody, port=port, path=path)
    return probed.reason if isinstance(probed, Unknown) else ""


def started(root: Path = Path("/")) -> Mapping[Pod, float | None]:
    """When the program of each static pod started, in seconds since 1970; None where it does not run."""
    found: dict[Pod, float | None] = dict.fromkeys(Pod)
    for process in processes(root, tuple(Pod)):
        # Of two, the one that is about to end is the older one.
        pod = Pod(process.name)
        found[pod] = max(process.started, found[pod] or 0.0)
    return found
