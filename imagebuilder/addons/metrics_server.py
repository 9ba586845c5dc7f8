"""metrics-server: what it runs as, its rights, and how the API server reaches it. For clusters that ask for it.

It runs on control planes, whose agents hand it a certificate of the cluster's authority for its Service's name
(userdata.agent.serving_certificate): so the API server verifies whom it asks, where upstream's manifest has it skip
that. The kubelets' certificates are of the same authority.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from imagebuilder.addons.objects import READ, RESTRICTED, Objects, on_control_planes, rule, spread, user
from imagebuilder.places import METRICS_SERVER_CERTIFICATE, METRICS_SERVER_KEY, METRICS_SERVER_UID

NAME = "metrics-server"
API_SERVICE = "v1beta1.metrics.k8s.io"
_REPOSITORY = "registry.k8s.io/metrics-server/metrics-server"
_PORT = 10250
_CERTIFICATE = PurePosixPath(METRICS_SERVER_CERTIFICATE)
_MOUNT = "/var/run/serving"
_AUTHORITY = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
_OBJECTS = Objects(NAME)
_RIGHTS = (
    rule("", ("nodes/metrics",), ("get",)),
    rule("", ("nodes", "pods"), READ),
)
_READERS = "system:aggregated-metrics-reader"
_ALSO_FOR = {f"rbac.authorization.k8s.io/aggregate-to-{each}": "true" for each in ("view", "edit", "admin")}


def objects(version: str) -> list[dict[str, Any]]:
    """metrics-server of a version, as `v0.9.0`."""
    readers = _OBJECTS.clusters(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        _READERS,
        rules=[rule("metrics.k8s.io", ("nodes", "pods"), READ)],
    )
    readers["metadata"]["labels"] = {**_OBJECTS.labels, **_ALSO_FOR}
    return [
        _OBJECTS.account(NAME),
        readers,
        *_OBJECTS.cluster_rights(f"system:{NAME}", NAME, _RIGHTS),
        # Whoever asks it is asked about at the API server: who that is, and what he may.
        _OBJECTS.cluster_binding(f"{NAME}:system:auth-delegator", "system:auth-delegator", NAME),
        _OBJECTS.own_binding(f"{NAME}-auth-reader", "extension-apiserver-authentication-reader", NAME),
        _OBJECTS.own("v1", "Service", NAME, spec=_service()),
        _OBJECTS.own("apps/v1", "Deployment", NAME, spec=_deployment(version)),
        _OBJECTS.own("policy/v1", "PodDisruptionBudget", NAME, spec=_budget()),
        _OBJECTS.clusters("apiregistration.k8s.io/v1", "APIService", API_SERVICE, spec=_api_service()),
    ]


def _service() -> dict[str, Any]:
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https", "appProtocol": "https"}]
    return {"selector": _OBJECTS.labels, "ports": ports}


def _budget() -> dict[str, Any]:
    return {"minAvailable": 1, "selector": {"matchLabels": _OBJECTS.labels}}


def _api_service() -> dict[str, Any]:
    return {
        "service": {"name": NAME, "namespace": "kube-system", "port": 443},
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        # The cluster's authority, which the node program puts in. Empty it would be the node's own list of authorities.
        "caBundle": "",
    }


def _deployment(version: str) -> dict[str, Any]:
    return {
        "replicas": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": _OBJECTS.labels},
        "template": {"metadata": {"labels": _OBJECTS.labels}, "spec": _pod(version)},
    }


def _pod(version: str) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        **on_control_planes(),
        "topologySpreadConstraints": spread(_OBJECTS.labels),
        "securityContext": user(METRICS_SERVER_UID),
        "containers": [_container(version)],
        "volumes": [
            # The folder and not the files, which the agent replaces. The pod waits until it is there.
            {"name": "serving", "hostPath": {"path": str(_CERTIFICATE.parent), "type": "Directory"}},
        ],
    }


def _container(version: str) -> dict[str, Any]:
    probe = {"port": "https", "scheme": "HTTPS"}
    return {
        "name": NAME,
        "image": f"{_REPOSITORY}:{version}",
        "imagePullPolicy": "Never",
        "args": [
            f"--secure-port={_PORT}",
            # Read anew when they change.
            f"--tls-cert-file={_MOUNT}/{_CERTIFICATE.name}",
            f"--tls-private-key-file={_MOUNT}/{PurePosixPath(METRICS_SERVER_KEY).name}",
            # A kubelet's certificate names its address, and nobody resolves the name of a Node.
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port",
            f"--kubelet-certificate-authority={_AUTHORITY}",
            "--metric-resolution=15s",
        ],
        "ports": [{"name": "https", "containerPort": _PORT, "protocol": "TCP"}],
        "livenessProbe": {"httpGet": {"path": "/livez", **probe}, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/readyz", **probe}, "initialDelaySeconds": 20, "periodSeconds": 10},
        # Upstream's for up to 100 nodes; a millicore and 2 MiB for each node more.
        "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "serving", "mountPath": _MOUNT, "readOnly": True}],
    }
