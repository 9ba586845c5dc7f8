"""Whether API servers answer: this node's own, and through the balancer's name."""

from __future__ import annotations

import http.client
import ssl
import time
from pathlib import Path

from coordination.outcomes import Done, Reading, Unknown
from userdata.addons.installing import KubectlTarget
from userdata.boot.context import Context
from userdata.boot.failures import StepFailed, of_command
from userdata.boot.stages import RunningStage
from userdata.etcd.client import NODE_CREDENTIALS, Etcd
from userdata.etcd.model import Status
from userdata.etcd.refusals import EtcdRefused
from userdata.faults.fault import Fault
from userdata.faults.outcomes import of_outcome
from userdata.host import network
from userdata.kube.kubectl import printed
from userdata.kube.nodes import why_not_ready
from userdata.kubeadm.places import API_PORT
from userdata.pki.material import Pki
from userdata.pki.placing import CLUSTER_CA

_SECONDS = 5.0
_KUBECTL_SECONDS = 30.0


class Servers:
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
        try:
            context = ssl.create_default_context(cafile=str(self._root / CLUSTER_CA.lstrip("/")))
        except OSError as error:
            return Unknown(f"{CLUSTER_CA} cannot be read: {type(error).__name__}")
        return _asked(self._address, context)

    def endpoint(self, pki: Pki) -> Done | Unknown:
        """The same of whoever answers at the balancer's name, for a node that has nothing of the cluster's yet."""
        return _asked(self._endpoint, ssl.create_default_context(cadata=pki.cluster.bundle))


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
    here = KubectlTarget(context.identity.address, context.run)
    asked = here.kubectl("get", "node", context.instance_id, "--ignore-not-found", "-o", "json")
    done = here.run(asked, min(seconds, _KUBECTL_SECONDS))
    if not done.succeeded:
        raise of_command(done)
    try:
        node = printed(done.output)
        return node is not None and why_not_ready(node) is None
    except (ValueError, AttributeError, KeyError, TypeError):
        return False


def _asked(host: str, context: ssl.SSLContext) -> Done | Unknown:
    connection = http.client.HTTPSConnection(host, API_PORT, timeout=_SECONDS, context=context)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        return Unknown(f"the API at {host} does not answer: {error or type(error).__name__}", network.code(error))
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return Done()
    return Unknown(f"the API at {host} is not ready: status {answer.status}", f"HTTP {answer.status}")
