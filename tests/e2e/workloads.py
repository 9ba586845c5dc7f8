"""Deployments of the one image that every node has and that does nothing."""

from __future__ import annotations

import json
import tomllib

from coordination.names import POOL_LABEL
from tests.e2e.harness import ClusterHarness, Json


def pause_image(cluster: ClusterHarness) -> str:
    """The image that containerd keeps for the sandboxes of Pods."""
    name = min(cluster.look().control_planes)
    read = tomllib.loads(cluster.shell(name, "cat /etc/containerd/config.toml").stdout)
    return str(read["plugins"]["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"])


def deployment(
    cluster: ClusterHarness, name: str, replicas: int, *, pool: str, apart_from: str, required: bool
) -> None:
    """Pods with the label `app` on nodes of a pool, and not beside those of `apart_from`; if not `required`, where that
    can be."""
    labels = {"app": name}
    term = {"labelSelector": {"matchLabels": {"app": apart_from}}, "topologyKey": "kubernetes.io/hostname"}
    ruled = "requiredDuringSchedulingIgnoredDuringExecution"
    wished = "preferredDuringSchedulingIgnoredDuringExecution"
    apart = {ruled: [term]} if required else {wished: [{"weight": 100, "podAffinityTerm": term}]}
    spec = {
        "containers": [{"name": "main", "image": pause_image(cluster)}],
        "terminationGracePeriodSeconds": 5,
        "nodeSelector": {POOL_LABEL: pool},
        "affinity": {"podAntiAffinity": apart},
    }
    made: Json = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    cluster.kubectl.text("apply", "--filename=-", given=json.dumps(made))


def ready_on(cluster: ClusterHarness, name: str) -> list[str]:
    """The nodes of a Deployment's Ready Pods, one for each, sorted."""
    ready = ("Ready", "True")
    return sorted(
        str(pod["spec"]["nodeName"])
        for pod in cluster.kubectl.items("pods", f"--selector=app={name}")
        if ready in [(each["type"], each["status"]) for each in pod["status"].get("conditions", [])]
    )
