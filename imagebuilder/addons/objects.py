"""What our own manifests are made of: an add-on's objects, its rights, and what its pods on control planes have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

NAMESPACE = "kube-system"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
READ = ("get", "list", "watch")
_RBAC = "rbac.authorization.k8s.io"
_CREDENTIALS_MOUNT = "/var/run/aws"
# Amazon Linux's certificates, where programs of Go look for them.
_NODE_BUNDLE = "/etc/pki/tls/certs/ca-bundle.crt"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of a container that writes nowhere but into its volumes."""


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> dict[str, Any]:
    """A rule of a role, for all objects or those of these names."""
    named = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs), **named}


@dataclass(frozen=True)
class Objects:
    """Makes the objects of one add-on, which all have its label."""

    addon: str

    @property
    def labels(self) -> dict[str, str]:
        """Of each of its objects."""
        return {"app.kubernetes.io/name": self.addon}

    def clusters(self, api: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
        """An object of the whole cluster."""
        return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": self.labels}, **fields}

    def own(self, api: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
        """An object of NAMESPACE."""
        metadata = {"name": name, "namespace": NAMESPACE, "labels": self.labels}
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}

    def account(self, name: str) -> dict[str, Any]:
        """A service account."""
        return self.own("v1", "ServiceAccount", name)

    def cluster_rights(self, name: str, account: str, rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A ClusterRole, and its binding to a service account."""
        role = self.clusters(f"{_RBAC}/v1", "ClusterRole", name, rules=list(rules))
        return [role, self.cluster_binding(name, name, account)]

    def cluster_binding(self, name: str, role: str, account: str) -> dict[str, Any]:
        """A ClusterRoleBinding of a role to a service account."""
        return self.clusters(f"{_RBAC}/v1", "ClusterRoleBinding", name, **_binds("ClusterRole", role, account))

    def own_rights(self, name: str, account: str, rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A Role in NAMESPACE, and its binding to a service account."""
        return [self.own(f"{_RBAC}/v1", "Role", name, rules=list(rules)), self.own_binding(name, name, account)]

    def own_binding(self, name: str, role: str, account: str) -> dict[str, Any]:
        """A RoleBinding of a role in NAMESPACE to a service account."""
        return self.own(f"{_RBAC}/v1", "RoleBinding", name, **_binds("Role", role, account))


def _binds(kind: str, role: str, account: str) -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }


def on_control_planes() -> dict[str, Any]:
    """The fields of a pod that runs on control planes alone."""
    placed = {"nodeSelectorTerms": [{"matchExpressions": [{"key": CONTROL_PLANE, "operator": "Exists"}]}]}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": placed}},
        "tolerations": [{"key": CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"}],
    }


def spread(labels: dict[str, str]) -> list[dict[str, Any]]:
    """Topology constraints of a pod whose replicas are better on different nodes."""
    selected = {"matchLabels": labels}
    where = {"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    return [{"maxSkew": 1, **where, "labelSelector": selected}]


def user(uid: int) -> dict[str, Any]:
    """The security context of a pod with a user of its own, to whom the agent's files belong."""
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def from_config_map(variable: str, name: str, key: str) -> dict[str, Any]:
    """A variable with what the node program writes into a ConfigMap."""
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}


@dataclass(frozen=True)
class HandedCredentials:
    """Of a role in AWS, as the agents of control planes hand them to an add-on: a file of AWS's SDKs."""

    file: str
    """Where it is on the node."""

    @property
    def environment(self) -> list[dict[str, Any]]:
        """By which the SDK finds them, and asks no metadata service."""
        file = f"{_CREDENTIALS_MOUNT}/{PurePosixPath(self.file).name}"
        return [
            {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": file},
            {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
        ]

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """Of the pod, with the authorities that AWS's certificates are of."""
        folder = str(PurePosixPath(self.file).parent)
        return [
            {"name": "authorities", "hostPath": {"path": _NODE_BUNDLE, "type": "File"}},
            # The folder and not the file, which the agent replaces by another one. The pod waits until it is there.
            {"name": "credentials", "hostPath": {"path": folder, "type": "Directory"}},
        ]

    @property
    def mounts(self) -> list[dict[str, Any]]:
        """Of the container that talks to AWS."""
        return [
            {"name": "authorities", "mountPath": _BUNDLE, "readOnly": True},
            {"name": "credentials", "mountPath": _CREDENTIALS_MOUNT, "readOnly": True},
        ]
