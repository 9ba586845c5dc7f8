"""What people may do in the cluster, by the group that their certificate or their token names.

`admin` may do everything. `view` sees what is in every namespace but Secrets, logs of pods among it, and the cluster's
own objects. `edit` sees the same, and changes what is in the namespaces where an administrator binds it. Not in all of
them: whoever may make pods in kube-system, or read the Secrets there, has the nodes and with them the cluster. Nor in
`default`, by whose Service `kubernetes` every pod reaches the API.
"""

from __future__ import annotations

from collections.abc import Collection

from coordination.names import AccessGroup
from userdata.kube.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Object, Resource

_RBAC = "rbac.authorization.k8s.io"
_VIEWER = "holdfast:viewer"
_LOOK = ["get", "list", "watch"]
# What Kubernetes' own role `view` lacks, for it is about namespaces alone.
_OF_THE_CLUSTER: list[Object] = [
    {
        "apiGroups": [""],
        "resources": ["componentstatuses", "namespaces", "nodes", "persistentvolumes", "podtemplates"],
        "verbs": _LOOK,
    },
    {"apiGroups": ["metrics.k8s.io"], "resources": ["nodes", "pods"], "verbs": _LOOK},
    {"apiGroups": ["storage.k8s.io"], "resources": ["*"], "verbs": _LOOK},
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": _LOOK},
    {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"], "verbs": _LOOK},
    {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": _LOOK},
    {"apiGroups": ["scheduling.k8s.io"], "resources": ["priorityclasses"], "verbs": _LOOK},
    {"apiGroups": ["node.k8s.io"], "resources": ["runtimeclasses"], "verbs": _LOOK},
    {"apiGroups": ["flowcontrol.apiserver.k8s.io"], "resources": ["*"], "verbs": _LOOK},
    {
        "apiGroups": ["networking.k8s.io"],
        "resources": ["ingressclasses", "ipaddresses", "servicecidrs"],
        "verbs": _LOOK,
    },
    {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"], "verbs": _LOOK},
    {"apiGroups": ["cilium.io"], "resources": ["*"], "verbs": _LOOK},
    {
        "apiGroups": [_RBAC],
        "resources": ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
        "verbs": _LOOK,
    },
    # Whether a Node is held by its machine: leases of kube-node-lease.
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": _LOOK},
]


def documents() -> tuple[tuple[Resource, str, Object], ...]:
    """Each object with its kind and its namespace, roles before their bindings."""
    seeing = (AccessGroup.VIEW, AccessGroup.EDIT)
    head = {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": _VIEWER}}
    return (
        (CLUSTER_ROLES, "", {**head, "rules": _OF_THE_CLUSTER}),
        (CLUSTER_ROLE_BINDINGS, "", _binding(_VIEWER, _VIEWER, seeing)),
        (CLUSTER_ROLE_BINDINGS, "", _binding("holdfast:view", "view", seeing)),
        (
            CLUSTER_ROLE_BINDINGS,
            "",
            _binding("holdfast:admin", "cluster-admin", [AccessGroup.ADMIN]),
        ),
    )


def _binding(name: str, role: str, groups: Collection[AccessGroup]) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "Group", "apiGroup": _RBAC, "name": group.kubernetes_group} for group in groups],
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
    }
