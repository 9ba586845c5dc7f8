"""The cluster-autoscaler: its Deployment, and exactly the rights that it needs.

It runs on control planes, whose agents hand it the credentials of its own role in AWS (userdata.agent.autoscaler): it
asks no metadata service. One replica, for a lease lets only one work.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from imagebuilder.places import AUTOSCALER_CREDENTIALS, AUTOSCALER_UID

NAME = "cluster-autoscaler"
_NAMESPACE = "kube-system"
_REPOSITORY = "registry.k8s.io/autoscaling/cluster-autoscaler"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_HEALTH_PORT = 8085
_CREDENTIALS = PurePosixPath(AUTOSCALER_CREDENTIALS)
_CREDENTIALS_MOUNT = "/var/run/aws"
# Amazon Linux's certificates, where the image's program looks for them.
_NODE_BUNDLE = "/etc/pki/tls/certs/ca-bundle.crt"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# What the agents mark Nodes with (coordination/names.py). By these labels no pool would be like another one to it, as
# by the names of node groups of kOps and EKS, which it ignores by itself.
_MARKS = ("node-restriction.kubernetes.io/holdfast-pool", "node-restriction.kubernetes.io/holdfast-signalled")

_READ = ("get", "list", "watch")
# Group, resources, verbs. What is in resource.k8s.io is read from 1.35 on, and that cannot be switched off.
_CLUSTER_RIGHTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("", ("nodes",), (*_READ, "update")),
    ("", ("pods", "namespaces", "services", "replicationcontrollers"), _READ),
    ("", ("persistentvolumes", "persistentvolumeclaims"), _READ),
    ("", ("pods/eviction",), ("create",)),
    ("", ("pods/status",), ("update",)),
    ("", ("events",), ("create", "patch")),
    ("apps", ("daemonsets", "replicasets", "statefulsets"), _READ),
    ("batch", ("jobs", "cronjobs"), _READ),
    ("policy", ("poddisruptionbudgets",), ("list", "watch")),
    (
        "storage.k8s.io",
        ("storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"),
        _READ,
    ),
    ("resource.k8s.io", ("deviceclasses", "resourceslices", "resourceclaims"), _READ),
)
# In its own namespace: group, resources, names (none: all), verbs.
_OWN_RIGHTS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("coordination.k8s.io", "leases", (), ("create",)),
    ("coordination.k8s.io", "leases", (NAME,), ("get", "update")),
    ("", "configmaps", (), ("create", "list", "watch")),
    ("", "configmaps", (f"{NAME}-status", f"{NAME}-priority-expander"), ("get", "update", "delete")),
)


def objects(version: str) -> list[dict[str, Any]]:
    """The autoscaler of a version, as `v1.37.0`."""
    return [
        _object("v1", "ServiceAccount", _NAMESPACE),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", None, rules=[_rule(*each) for each in _CLUSTER_RIGHTS]),
        _binding("ClusterRole", None),
        _object("rbac.authorization.k8s.io/v1", "Role", _NAMESPACE, rules=[_own_rule(*each) for each in _OWN_RIGHTS]),
        _binding("Role", _NAMESPACE),
        # Filled by the node program.
        _object("v1", "ConfigMap", _NAMESPACE, data={"cluster": "", "region": ""}),
        _object("apps/v1", "Deployment", _NAMESPACE, spec=_deployment(version)),
    ]


def _object(version: str, kind: str, namespace: str | None, **fields: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": NAME, **where, "labels": {"app.kubernetes.io/name": NAME}},
        **fields,
    }


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _own_rule(group: str, resource: str, names: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, Any]:
    return {**_rule(group, (resource,), verbs), **({"resourceNames": list(names)} if names else {})}


def _binding(kind: str, namespace: str | None) -> dict[str, Any]:
    return _object(
        "rbac.authorization.k8s.io/v1",
        f"{kind}Binding",
        namespace,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME},
        subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": _NAMESPACE}],
    )


def _deployment(version: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": NAME}
    return {
        "replicas": 1,
        # A second one beside the first would wait for the lease all the while.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": _pod(version)},
    }


def _pod(version: str) -> dict[str, Any]:
    placed = {"nodeSelectorTerms": [{"matchExpressions": [{"key": _CONTROL_PLANE, "operator": "Exists"}]}]}
    return {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        # AWS's names are the VPC's to resolve.
        "dnsPolicy": "Default",
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": placed}},
        "tolerations": [{"key": _CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": AUTOSCALER_UID,
            "runAsGroup": AUTOSCALER_UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(version)],
        "volumes": [
            {"name": "authorities", "hostPath": {"path": _NODE_BUNDLE, "type": "File"}},
            # The folder and not the file, which the agent replaces by another one. The pod waits until it is there.
            {"name": "credentials", "hostPath": {"path": str(_CREDENTIALS.parent), "type": "Directory"}},
        ],
    }


def _container(version: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": f"{_REPOSITORY}:{version}",
        "imagePullPolicy": "Never",
        "command": ["./cluster-autoscaler"],
        "args": [
            "--cloud-provider=aws",
            # Kubernetes puts the variable in.
            f"--node-group-auto-discovery=asg:tag=k8s.io/{NAME}/enabled,k8s.io/{NAME}/$(CLUSTER)",
            "--balance-similar-node-groups",
            *(f"--balancing-ignore-label={label}" for label in _MARKS),
            "--expander=least-waste",
            # Otherwise a worker on which CoreDNS runs would stay for ever.
            "--skip-nodes-with-system-pods=false",
            # Cilium's operator sets it and its agent removes it. A node that has it still would count as one that its
            # pods do not fit, so that another one is started for them.
            "--startup-taint=node.cilium.io/agent-not-ready",
            f"--address=:{_HEALTH_PORT}",
        ],
        "env": [
            _from_config_map("AWS_REGION", "region"),
            _from_config_map("CLUSTER", "cluster"),
            {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": f"{_CREDENTIALS_MOUNT}/{_CREDENTIALS.name}"},
            {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
        ],
        "livenessProbe": {
            "httpGet": {"path": "/health-check", "port": _HEALTH_PORT},
            "initialDelaySeconds": 60,
            "periodSeconds": 30,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "authorities", "mountPath": _BUNDLE, "readOnly": True},
            {"name": "credentials", "mountPath": _CREDENTIALS_MOUNT, "readOnly": True},
        ],
    }


def _from_config_map(variable: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"name": NAME, "key": key}}}
