"""Whether API servers answer: this node's own, and through the balancer's name."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from coordination.outcomes import Done, Reading, Unknown
from userdata.boot.context import Context
from userdata.boot.failures import StepFailed, of_command
from userdata.boot.stages import RunningStage
from userdata.etcd.client import NODE_CREDENTIALS, Etcd
from userdata.etcd.model import Status
from userdata.etcd.refusals import EtcdRefused
from userdata.faults.fault import Fault, unsorted
from userdata.faults.outcomes import of_outcome
from userdata.host import https
from userdata.kube.access import Access
from userdata.kube.kubectl import printed
from userdata.kube.nodes import why_not_ready
from userdata.kube.probe import probe
from userdata.pki.material import Pki
from userdata.pki.placing import CLUSTER_CA

_KUBECTL_SECONDS = 30.0


class NodeServers:
    """The servers of the node at `address`, whose files are below `root`, and the API at the name `endpoint`."""

    def __init__(self, root: Path, address: str, endpoint: str) -> None:
        self._root = root
        self._address = address
        self._endpoint = endpoint

    def etcd(self) -> Reading[Status] | EtcdRefused:
        """What this node's own etcd says of itself."""
        return Etcd(self._address, NODE_CREDENTIALS).status()

    def api(self) -> Done | Unknown:
        """Whether this node's own API server is ready, with a certificate of this cluster's."""
        return probe("the API", self._address, partial(https.trusting_file, str(self._root / CLUSTER_CA.lstrip("/"))))

    def endpoint(self, pki: Pki) -> Done | Unknown:
        """The same of the server at the balancer's name, for a node that has nothing of the cluster's yet."""
        return probe("the API", self._endpoint, partial(https.trusting, pki.cluster.bundle))


def wait_until_served(context: Context, told: RunningStage) -> None:
    """Wait until this node's API server is ready, which it is when its etcd is. Raises StepFailed."""
    seconds = context.image.pace.serve
    deadline = time.monotonic() + seconds
    context.launch_hook.alive(seconds)
    while isinstance(answer := context.servers.api(), Unknown):
        if time.monotonic() > deadline:
            fault = of_outcome(answer)
            late = f"this node's API server is not ready after {seconds:.0f} s: {answer.reason}"
            raise StepFailed(
                fault if fault.permanent else Fault(False, late, "Look at the logs in /var/log/containers.")
            )
        told.wait(answer.reason)
        context.launch_hook.sleep(1)


def node_is_ready(context: Context, told: RunningStage, seconds: float) -> bool:
    """Whether the cluster has a Node of this name that the kubelet has registered. Raises StepFailed."""
    wait_until_served(context, told)
    try:
        with Access(context.instance_id, context.root).kubectl(context.identity.address, context.run) as here:
            asked = here.kubectl("get", "node", context.instance_id, "--ignore-not-found", "-o", "json")
            done = here.run(asked, min(seconds, _KUBECTL_SECONDS))
    except https.Unavailable as error:
        raise StepFailed(unsorted(str(error))) from error
    if not done.succeeded:
        raise of_command(done)
    try:
        node = printed(done.output)
        return node is not None and why_not_ready(node) is None
    except (ValueError, AttributeError, KeyError, TypeError):
        return False
