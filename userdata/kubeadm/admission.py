"""What the API server takes in beyond what rights allow: which pods, how many events, which Services."""

from __future__ import annotations

from collections.abc import Sequence

from userdata.kubeadm.documents import Document

PLUGINS = ("NodeRestriction", "DenyServiceExternalIPs", "EventRateLimit")
"""Beside those that are on by default, such as PodSecurity. The list replaces kubeadm's, which is the first one.

An address in a Service's `externalIPs` takes the traffic of others to it (CVE-2020-8554).
"""

_SYSTEM_NAMESPACE = "kube-system"

# How many in a second, and at once. A user may store as many as a kubelet's own limit lets through (eventRecordQPS), a
# namespace twice as many. What is beyond is refused with 429, and lost. etcd keeps events for an hour.
_EVENTS_OF_A_USER = (50, 500)
_EVENTS_OF_A_NAMESPACE = (100, 1000)
_EVENTS_OF_A_SERVER = (500, 5000)


def configuration(privileged_namespaces: Sequence[str]) -> Document:
    """AdmissionConfiguration; besides kube-system, pods of the exempt namespaces may be privileged."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {"name": "PodSecurity", "configuration": _pod_security(privileged_namespaces)},
            {"name": "EventRateLimit", "configuration": _event_rate_limit()},
        ],
    }


def _pod_security(privileged_namespaces: Sequence[str]) -> Document:
    """What holds in a namespace without labels of its own; only who may change Namespaces can give it others.

    `baseline` refuses what reaches the node: its network, its processes, its files, its devices. With the host's
    network a pod has the metadata service, and with it the node's role.
    """
    return {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": {
            "enforce": "baseline",
            "enforce-version": "latest",
            "audit": "restricted",
            "audit-version": "latest",
            "warn": "restricted",
            "warn-version": "latest",
        },
        "exemptions": {"namespaces": sorted({_SYSTEM_NAMESPACE, *privileged_namespaces})},
    }


def _event_rate_limit() -> Document:
    limits = {"Server": _EVENTS_OF_A_SERVER, "Namespace": _EVENTS_OF_A_NAMESPACE, "User": _EVENTS_OF_A_USER}
    return {
        "apiVersion": "eventratelimit.admission.k8s.io/v1alpha1",
        "kind": "Configuration",
        "limits": [{"type": kind, "qps": qps, "burst": burst} for kind, (qps, burst) in limits.items()],
    }
