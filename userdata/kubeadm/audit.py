"""The API server's audit log: who did what, in how much detail, and how much of it a node keeps."""

from __future__ import annotations

from collections.abc import Mapping

from userdata.kubeadm.documents import Document
from userdata.kubeadm.places import AUDIT_LOG_FILE, AUDIT_POLICY_FILE

LOG_ARGUMENTS: Mapping[str, str] = {
    "audit-policy-file": AUDIT_POLICY_FILE,
    "audit-log-path": AUDIT_LOG_FILE,
    # A gigabyte on the root volume, and the file that is written; days, megabytes, files.
    "audit-log-maxage": "30",
    "audit-log-maxsize": "100",
    "audit-log-maxbackup": "10",
}

_READS = ["get", "list", "watch"]
_CHANGES = ["create", "update", "patch", "delete", "deletecollection"]

# Who reads all day as a part of the cluster's own working.
_COMPONENTS = ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy"]
_COMPONENT_GROUPS = ["system:nodes", "system:serviceaccounts:kube-system"]

_LEASES = [{"group": "coordination.k8s.io", "resources": ["leases"]}]
_SECRET_BODIES = [
    {"group": "", "resources": ["secrets", "configmaps"]},
    {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
]
# Ways into a pod or a node past its specification. `kubectl exec` is a get, so this stands before reads are left out.
_DOORS = [
    {
        "group": "",
        "resources": [
            *("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "pods/ephemeralcontainers"),
            *("services/proxy", "nodes/proxy", "serviceaccounts/token"),
        ],
    }
]
_WHO_MAY_DO_WHAT = [{"group": "rbac.authorization.k8s.io"}, {"group": "certificates.k8s.io"}]
# What decides over others' requests, and what runs on a node. A namespace's labels choose which pods it takes.
_POWERS = [
    {"group": "", "resources": ["pods", "namespaces"]},
    {"group": "admissionregistration.k8s.io"},
    {"group": "apiregistration.k8s.io"},
]


def policy(health_paths: tuple[str, ...]) -> Document:
    """The audit policy; of its rules the first that fits a request decides.

    `Metadata` says who, when and on what; `Request` what was asked for, too; `RequestResponse` the answer besides.
    Bodies that are made to hold a secret are never written down. A pod's environment is: secrets belong into a Secret.
    """
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        # A request is written down once it is answered.
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": [f"{path}*" for path in (*health_paths, "/version")]},
            {"level": "None", "resources": [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]},
            *_own_leases(),
            # Before the rules that leave out who only reads: which Secrets a node reads is of interest.
            {"level": "Metadata", "resources": _SECRET_BODIES},
            {"level": "Request", "resources": _DOORS},
            {"level": "None", "users": _COMPONENTS, "verbs": _READS},
            {"level": "None", "userGroups": _COMPONENT_GROUPS, "verbs": _READS},
            {"level": "RequestResponse", "resources": _WHO_MAY_DO_WHAT, "verbs": _CHANGES},
            {"level": "Request", "resources": _POWERS, "verbs": _CHANGES},
            {"level": "Metadata"},
        ],
    }


def _own_leases() -> list[Document]:
    """Heartbeats are left out where the holder writes its own: who takes another's lease is written down."""
    renewals = ["get", "update", "patch"]
    return [
        # The Node authorizer lets a node have its own only.
        {
            "level": "None",
            "userGroups": ["system:nodes"],
            "verbs": renewals,
            "resources": _LEASES,
            "namespaces": ["kube-node-lease"],
        },
        {"level": "None", "users": ["system:apiserver"], "verbs": renewals, "resources": _LEASES},
        *(
            {
                "level": "None",
                "users": [f"system:{name}"],
                "verbs": renewals,
                "resources": [{**_LEASES[0], "resourceNames": [name]}],
                "namespaces": ["kube-system"],
            }
            for name in ("kube-controller-manager", "kube-scheduler")
        ),
        {"level": "None", "verbs": _READS, "resources": _LEASES},
    ]
