"""The API server's own files: how Secrets are encrypted in etcd, who may ask without a name, what is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from userdata.host.files import File, private
from userdata.kubeadm.documents import Document, text
from userdata.kubeadm.places import AUDIT_POLICY_FILE, AUTHENTICATION_FILE, ENCRYPTION_FILE
from userdata.pki.material import EncryptionKey

_ANONYMOUS_PATHS = ("/livez", "/readyz", "/healthz")

# Who reads and writes all day as a part of the cluster's own working.
_COMPONENTS = ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy"]
_SECRET_BODIES = [
    {"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]},
    {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
]
_CHANGES = ["create", "update", "patch", "delete", "deletecollection"]
_WHO_MAY_DO_WHAT = [{"group": "rbac.authorization.k8s.io"}, {"group": "certificates.k8s.io"}]


def files(keys: Sequence[EncryptionKey]) -> Mapping[str, File]:
    """What must be on a control plane before kubeadm starts the API server."""
    return {
        ENCRYPTION_FILE: private(text(encryption(keys))),
        AUTHENTICATION_FILE: File(text(authentication())),
        AUDIT_POLICY_FILE: File(text(audit_policy())),
    }


def encryption(keys: Sequence[EncryptionKey]) -> Document:
    """Secrets are encrypted with the first key, and decrypted with any.

    secretbox, because aescbc can be attacked by padding and aesgcm's key must be renewed every 200,000 writes
    (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/). There is no identity provider: no Secret was
    ever stored in clear, so one that is found in clear in etcd was put there by nobody who may.
    """
    named = [{"name": key.name, "secret": key.secret} for key in keys]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [{"secretbox": {"keys": named}}]}],
    }


def authentication() -> Document:
    """Without a name only health may be asked, by exactly these paths: the balancer asks so."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in _ANONYMOUS_PATHS]},
    }


def audit_policy() -> Document:
    """Who did what: in full where rights are given, never with a body that may hold a secret. The first rule counts."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        # A request is written down once it is answered.
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": [f"{path}*" for path in (*_ANONYMOUS_PATHS, "/version")]},
            {"level": "None", "resources": [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]},
            {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            # Before the rules that leave out who only reads: which Secrets a node reads is of interest.
            {"level": "Metadata", "resources": _SECRET_BODIES},
            {"level": "None", "users": _COMPONENTS, "verbs": ["get", "list", "watch"]},
            {"level": "None", "userGroups": ["system:nodes"], "verbs": ["get", "list", "watch"]},
            {"level": "RequestResponse", "resources": _WHO_MAY_DO_WHAT, "verbs": _CHANGES},
            {"level": "Metadata"},
        ],
    }
