"""The file by which a node finds the cluster: where the API is, whom to believe, and as whom to ask. It is secret."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from userdata.kubeadm.documents import Document, text
from userdata.pki.issuing import Leaf, Subject, issue
from userdata.pki.material import Authority

JOINER_LIFETIME = timedelta(hours=1)
"""A join is given up long before."""
# Rights by kubeadm's binding, which can be taken away; those of system:masters are beyond every rule. A bootstrap
# token's group would do for reading, but then the kubelet's request waits for an agent's approval.
_JOINER_GROUP = "kubeadm:cluster-admins"
_NAME = "holdfast"


def for_control_plane(authority: Authority, server: str, node_name: str, now: datetime) -> str:
    """For a node that has the authority's key: a certificate that it issues to itself. Raises OpensslFailed."""
    leaf = issue(authority, Subject(f"{_NAME}:joiner:{node_name}", _JOINER_GROUP), ["clientAuth"], now, JOINER_LIFETIME)
    return with_certificate(authority.bundle, server, leaf)


def with_certificate(bundle: str, server: str, leaf: Leaf) -> str:
    """For a node that has its certificate already. `bundle` are the certificates of the cluster's authority."""
    return text(kubeconfig(bundle, server, _certified(leaf)))


def kubeconfig(bundle: str, server: str, user: Document) -> Document:
    """The file's document. `user` is as whom to ask, in the fields of a kubeconfig's user."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": {"server": server, "certificate-authority-data": _base64(bundle)}}],
        "users": [{"name": _NAME, "user": user}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
        "current-context": _NAME,
    }


def _certified(leaf: Leaf) -> Document:
    return {"client-certificate-data": _base64(leaf.certificate), "client-key-data": _base64(leaf.key)}


def _base64(content: str) -> str:
    return base64.b64encode(content.encode()).decode()
