"""The cluster-autoscaler: its Deployment, and exactly the rights that it needs.

It runs on control planes, whose agents hand it the credentials of its own role in AWS
(userdata.agent.handed_credentials): it asks no metadata service. One replica, for a lease lets only one work.
"""

from __future__ import annotations

from typing import Any

from imagebuilder.addons.objects import (
    READ,
    RESTRICTED,
    HandedCredentials,
    Objects,
    from_config_map,
    on_control_planes,
    rule,
    user,
)
from imagebuilder.places import AUTOSCALER_CREDENTIALS, AUTOSCALER_UID

NAME = "cluster-autoscaler"
_REPOSITORY = "registry.k8s.io/autoscaling/cluster-autoscaler"
_HEALTH_PORT = 8085
_OBJECTS = Objects(NAME)
_CREDENTIALS = HandedCredentials(AUTOSCALER_CREDENTIALS)
# What the agents mark Nodes with (coordination/names.py). By these labels no pool would be like another one to it, as
# by the names of node groups of kOps and EKS, which it ignores by itself.
_MARKS = ("node-restriction.kubernetes.io/holdfast-pool", "node-restriction.kubernetes.io/holdfast-signalled")

# Group, resources, verbs. What is in resource.k8s.io is read from 1.35 on, and that cannot be switched off.
_CLUSTER_RIGHTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("", ("nodes",), (*READ, "update")),
    ("", ("pods", "namespaces", "services", "replicationcontrollers"), READ),
    ("", ("persistentvolumes", "persistentvolumeclaims"), READ),
    ("", ("pods/eviction",), ("create",)),
    ("", ("pods/status",), ("update",)),
    ("", ("events",), ("create", "patch")),
    ("apps", ("daemonsets", "replicasets", "statefulsets"), READ),
    ("batch", ("jobs", "cronjobs"), READ),
    ("policy", ("poddisruptionbudgets",), ("list", "watch")),
    (
        "storage.k8s.io",
        ("storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"),
        READ,
    ),
    ("resource.k8s.io", ("deviceclasses", "resourceslices", "resourceclaims"), READ),
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
    own = [rule(group, (resource,), verbs, names) for group, resource, names, verbs in _OWN_RIGHTS]
    return [
        _OBJECTS.account(NAME),
        *_OBJECTS.cluster_rights(NAME, NAME, [rule(*each) for each in _CLUSTER_RIGHTS]),
        *_OBJECTS.own_rights(NAME, NAME, own),
        # Filled by the node program.
        _OBJECTS.own("v1", "ConfigMap", NAME, data={"cluster": "", "region": ""}),
        _OBJECTS.own("apps/v1", "Deployment", NAME, spec=_deployment(version)),
    ]


def _deployment(version: str) -> dict[str, Any]:
    labels = _OBJECTS.labels
    return {
        "replicas": 1,
        # A second one beside the first would wait for the lease all the while.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": _pod(version)},
    }


def _pod(version: str) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        # AWS's names are the VPC's to resolve.
        "dnsPolicy": "Default",
        **on_control_planes(),
        "securityContext": user(AUTOSCALER_UID),
        "containers": [_container(version)],
        "volumes": _CREDENTIALS.volumes,
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
            from_config_map("AWS_REGION", NAME, "region"),
            from_config_map("CLUSTER", NAME, "cluster"),
            *_CREDENTIALS.environment,
        ],
        "livenessProbe": {
            "httpGet": {"path": "/health-check", "port": _HEALTH_PORT},
            "initialDelaySeconds": 60,
            "periodSeconds": 30,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}},
        "securityContext": RESTRICTED,
        "volumeMounts": _CREDENTIALS.mounts,
    }
