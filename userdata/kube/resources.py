"""The kinds of objects that the node program asks for, and where the API has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote

Object: TypeAlias = Mapping[str, Any]
"""An object as JSON has it."""

SYSTEM = "kube-system"
"""The namespace of everything that the cluster itself is made of."""


def created(found: Object) -> float:
    """When the API server took an object in, in seconds since 1970."""
    return datetime.fromisoformat(found["metadata"]["creationTimestamp"]).timestamp()


@dataclass(frozen=True)
class Resource:
    """A kind of object."""

    api: str
    """Group and version as in `apiVersion`: `v1`, `apps/v1`."""
    plural: str

    def path(self, name: str = "", namespace: str = "") -> str:
        """The path of an object, without a name that of all of them; without a namespace that of the whole cluster."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


NODES = Resource("v1", "nodes")
PODS = Resource("v1", "pods")
DAEMON_SETS = Resource("apps/v1", "daemonsets")
SECRETS = Resource("v1", "secrets")
CONFIG_MAPS = Resource("v1", "configmaps")
SIGNING_REQUESTS = Resource("certificates.k8s.io/v1", "certificatesigningrequests")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io/v1", "clusterroles")
CLUSTER_ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "clusterrolebindings")
ROLES = Resource("rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "rolebindings")
ACCESS_REVIEWS = Resource("authorization.k8s.io/v1", "subjectaccessreviews")
SELF_REVIEWS = Resource("authentication.k8s.io/v1", "selfsubjectreviews")
