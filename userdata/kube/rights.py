"""What agents and people may do in the cluster, and what nobody may.

Each control plane writes it when it boots, with an administrator's rights.
"""

from __future__ import annotations

from collections.abc import Sequence

from coordination.outcomes import Done, Known, NoOp, Unknown
from userdata.kube import people
from userdata.kube.access import AGENTS
from userdata.kube.client import Api
from userdata.kube.outcomes import Change, NotFound
from userdata.kube.resources import (
    ACCESS_REVIEWS,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    SYSTEM,
    Object,
    Resource,
)

AUTO_APPROVALS = ("kubeadm:node-autoapprove-bootstrap", "kubeadm:node-autoapprove-certificate-rotation")
"""kubeadm's bindings. By the first, whoever has a token gets a certificate of any node's name, also a control plane's;
by the second, whoever has a node's certificate gets the next one, also when the instance is gone."""

CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER = "kubernetes.io/kubelet-serving"
PERSON_SIGNER = "kubernetes.io/kube-apiserver-client"
"""Of people's certificates. By itself the API server takes no request for it that names system:masters."""

ADDONS_RECORD = "holdfast-addons"
"""The ConfigMap of SYSTEM that says which add-ons are installed: the one that agents may read."""

_NAME = "holdfast:agent"
_RBAC = "rbac.authorization.k8s.io"
_SUBJECTS = [{"kind": "Group", "apiGroup": _RBAC, "name": AGENTS}]

# Each rule is what a task needs, and no more.
_IN_THE_CLUSTER: Sequence[Object] = (
    # create and patch for people's requests (userdata/agent/access_requests.py).
    {
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["certificatesigningrequests"],
        "verbs": ["get", "list", "create", "patch"],
    },
    {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests/approval"], "verbs": ["update"]},
    {
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["signers"],
        "resourceNames": [CLIENT_SIGNER, SERVING_SIGNER, PERSON_SIGNER],
        "verbs": ["approve"],
    },
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]},
    {
        "apiGroups": [_RBAC],
        "resources": ["clusterrolebindings"],
        "resourceNames": list(AUTO_APPROVALS),
        "verbs": ["delete"],
    },
    # userdata/kube/drain.py. patch cordons a node and takes that back, and a rule cannot say of which field: it allows
    # labels and taints as well, by which Pods are drawn to a node or kept off it. A node's status is a resource of its
    # own, and not given.
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch", "delete"]},
    # delete only for what is left after a drain's deadline: whatever can be evicted is evicted.
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "delete"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["get"]},
)
_IN_THE_SYSTEM: Sequence[Object] = (
    # Join tokens are Secrets of this namespace, and a rule cannot say of which type.
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"]},
    # Whether the add-ons are installed (userdata/addons/installing.py).
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [ADDONS_RECORD], "verbs": ["get"]},
)


def install(administrator: Api) -> Change:
    """Give agents and people their rights, and withhold the automatic approval. It may be repeated.

    Done: the API server goes by them. Unknown may also mean that it does not yet.
    """
    for resource, namespace, document in documents():
        applied = administrator.apply(resource, document, namespace)
        if not isinstance(applied, Done):
            return applied
    withheld = withhold_auto_approvals(administrator)
    return withheld if not isinstance(withheld, Done | NoOp) else _in_effect(administrator)


def _in_effect(administrator: Api) -> Change:
    """Whether what comes last among the agents' rights holds already: the API server learns of rights by a watch."""
    publishing = {"verb": "create", "resource": "secrets", "namespace": SYSTEM}
    answer = administrator.review(
        ACCESS_REVIEWS,
        {
            "apiVersion": ACCESS_REVIEWS.api,
            "kind": "SubjectAccessReview",
            "spec": {"user": _NAME, "groups": [AGENTS], "resourceAttributes": publishing},
        },
    )
    if not isinstance(answer, Known):
        return answer
    status = answer.value.get("status")
    allowed = isinstance(status, dict) and status.get("allowed") is True
    return Done() if allowed else Unknown("the agents' rights are not effective in the API server yet")


def withhold_auto_approvals(api: Api) -> Change | NoOp:
    """Delete AUTO_APPROVALS, which `kubeadm init` and each `kubeadm init phase bootstrap-token` make.

    What a controller approves by itself after that: the request of a control plane that joins, because it asks as one
    of kubeadm:cluster-admins.
    """
    found: list[Change] = [api.delete(CLUSTER_ROLE_BINDINGS, name) for name in AUTO_APPROVALS]
    changed = [each for each in found if not isinstance(each, NotFound)]
    wrong = [each for each in changed if not isinstance(each, Done)]
    return wrong[0] if wrong else Done() if changed else NoOp(f"there is neither {' nor '.join(AUTO_APPROVALS)}")


def documents() -> tuple[tuple[Resource, str, Object], ...]:
    """Each object with its kind and its namespace, roles before their bindings; the agents' come last."""
    return (
        *people.documents(),
        (CLUSTER_ROLES, "", _role("ClusterRole", "", _IN_THE_CLUSTER)),
        (CLUSTER_ROLE_BINDINGS, "", _binding("ClusterRole", "")),
        (ROLES, SYSTEM, _role("Role", SYSTEM, _IN_THE_SYSTEM)),
        (ROLE_BINDINGS, SYSTEM, _binding("Role", SYSTEM)),
    )


def _role(kind: str, namespace: str, rules: Sequence[Object]) -> Object:
    return {**_head(kind, namespace), "rules": list(rules)}


def _binding(kind: str, namespace: str) -> Object:
    reference = {"apiGroup": _RBAC, "kind": kind, "name": _NAME}
    return {**_head(f"{kind}Binding", namespace), "subjects": _SUBJECTS, "roleRef": reference}


def _head(kind: str, namespace: str) -> Object:
    within = {"namespace": namespace} if namespace else {}
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": {"name": _NAME, **within}}
