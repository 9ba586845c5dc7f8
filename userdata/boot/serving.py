"""Whether API servers answer: this node's own, and through the balancer's name."""

from __future__ import annotations

import http.client
import json
import ssl
import time

from userdata.boot.context import Context
from userdata.boot.failures import of_words
from userdata.commands import run
from userdata.kubeadm.places import API_PORT
from userdata.pki.material import Pki
from userdata.pki.placing import CLUSTER_CA
from userdata.stages import Told

ADMIN_FILE = "/etc/kubernetes/admin.conf"

_SECONDS = 5.0
_KUBECTL_SECONDS = 30.0


def api_answers(host: str, pki: Pki) -> str:
    """Why the API at a host is not ready for a joiner; empty when it is, with a certificate of this cluster's."""
    context = ssl.create_default_context(cadata=pki.cluster.bundle)
    return _asked(host, context)


def own_api_answers(address: str) -> str:
    """The same of this node's own API server, which `kubeadm` has left the authority's certificate for."""
    try:
        context = ssl.create_default_context(cafile=CLUSTER_CA)
    except OSError as error:
        return f"{CLUSTER_CA} cannot be read: {type(error).__name__}"
    return _asked(address, context)


def wait_until_served(context: Context, told: Told) -> None:
    """Wait until this node's API server is ready, which it is when its etcd is. Raises StepFailed."""
    seconds = context.image.pace.serve
    deadline = time.monotonic() + seconds
    context.waiting.alive(seconds)
    while why := own_api_answers(context.identity.address):
        if time.monotonic() > deadline:
            raise of_words(f"[control-plane-check] kube-apiserver is not healthy after {seconds:.0f} s: {why}")
        told.wait(why)
        time.sleep(1)


def kubectl(context: Context, *arguments: str) -> tuple[str, ...]:
    """A kubectl command, as the cluster's administrator, to this node's own API server."""
    server = f"https://{context.identity.address}:{API_PORT}"
    return ("kubectl", "--kubeconfig", ADMIN_FILE, "--server", server, *arguments)


def node_is_ready(context: Context, told: Told, seconds: float) -> bool:
    """Whether the cluster has a Node of this name that the kubelet has registered. Raises StepFailed."""
    wait_until_served(context, told)
    asked = kubectl(context, "get", "node", context.instance_id, "--ignore-not-found", "-o", "json")
    done = run(asked, min(seconds, _KUBECTL_SECONDS))
    if not done.succeeded:
        raise of_words(done.output)
    if not done.output.strip():
        return False
    try:
        conditions = json.loads(done.output)["status"]["conditions"]
    except (ValueError, KeyError, TypeError):
        return False
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _asked(host: str, context: ssl.SSLContext) -> str:
    connection = http.client.HTTPSConnection(host, API_PORT, timeout=_SECONDS, context=context)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        return f"the API at {host} does not answer: {error or type(error).__name__}"
    finally:
        connection.close()
    return "" if answer.status == http.client.OK else f"the API at {host} is not ready: status {answer.status}"
