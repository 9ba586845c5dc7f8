"""Pods that run programs of their node: the images of a rehearsal hold none that a test could use."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.e2e.harness import ClusterHarness
from tests.waiting import wait_for

PYTHON = "/usr/bin/python3"
POD_SECONDS = 120.0
_SYSTEM = "--namespace=kube-system"
"""The namespace whose pods may have folders of their node."""
_LENT = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64"}


def code_of(
    cluster: ClusterHarness,
    node: str,
    name: str,
    command: Sequence[str],
    *,
    host_network: bool = False,
    labels: Mapping[str, str] = {},
) -> int:
    """How a program ends in a pod of kube-system on a node. The pod is deleted."""
    kubectl = cluster.kubectl
    # One that is deleted keeps its name for a while.
    name = f"{name}-{secrets.token_hex(3)}"
    created = _pod(cluster, name, node, command, labels, host_network=host_network)
    kubectl.text("create", _SYSTEM, "--filename=-", given=json.dumps(created))

    def ended() -> dict[str, Any] | None:
        for status in _state(cluster, name).get("containerStatuses", []):
            if "terminated" in status["state"]:
                state: dict[str, Any] = status["state"]["terminated"]
                return state
        return None

    try:
        state = wait_for(ended, f"the end of pod {name}", POD_SECONDS, 0.5)
    finally:
        _delete(cluster, name)
    assert state is not None
    return int(state["exitCode"])


@contextmanager
def running(
    cluster: ClusterHarness, node: str, name: str, command: Sequence[str], *, labels: Mapping[str, str] = {}
) -> Iterator[str]:
    """The address of a pod of kube-system on a node, which runs a program meanwhile."""
    created = _pod(cluster, name, node, command, labels, host_network=False)
    cluster.kubectl.text("create", _SYSTEM, "--filename=-", given=json.dumps(created))

    def runs() -> str | None:
        state = _state(cluster, name)
        return str(state["podIP"]) if state["phase"] == "Running" else None

    try:
        yield str(wait_for(runs, f"pod {name}", POD_SECONDS, 0.5))
    finally:
        _delete(cluster, name)


def said(cluster: ClusterHarness, name: str) -> list[str]:
    """The lines that the program of a pod of kube-system has printed so far."""
    return cluster.kubectl.text("logs", name, _SYSTEM).splitlines()


def _state(cluster: ClusterHarness, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl.text("get", "pod", name, _SYSTEM, "--output=json"))["status"]
    return found


def _delete(cluster: ClusterHarness, name: str) -> None:
    cluster.kubectl.text("delete", "pod", name, _SYSTEM, "--wait=false", "--grace-period=1")


def _pod(
    cluster: ClusterHarness,
    name: str,
    node: str,
    command: Sequence[str],
    labels: Mapping[str, str],
    *,
    host_network: bool,
) -> dict[str, Any]:
    pods = cluster.kubectl.items("pods", _SYSTEM)
    image = next(each["image"] for pod in pods for each in pod["spec"]["containers"] if "/etcd:" in each["image"])
    volumes = {f"lent-{number}": places for number, places in enumerate(_LENT.items())}
    container = {
        "name": "lent",
        "image": image,
        "command": list(command),
        "volumeMounts": [{"name": each, "mountPath": there, "readOnly": True} for each, (_, there) in volumes.items()],
    }
    spec = {
        "nodeName": node,
        "hostNetwork": host_network,
        "restartPolicy": "Never",
        # Also a node that a test has broken.
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": each, "hostPath": {"path": here}} for each, (here, _) in volumes.items()],
    }
    metadata = {"name": name, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
