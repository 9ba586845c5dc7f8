"""What the drain of a node does with each of its Pods, by the rules of `kubectl drain`. Pure.

https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/drain/filters.go
"""

from __future__ import annotations

from enum import Enum, auto

from userdata.kube.resources import Object

_MIRROR = "kubernetes.io/config.mirror"
_FINISHED = ("Succeeded", "Failed")


class Treatment(Enum):
    """What a drain does with a Pod."""

    EVICT = auto()
    AWAIT = auto()
    """It terminates already. The node is not drained before it is gone."""
    SKIP = auto()
    """It stays, and the drain does not wait for it."""


def treatment(pod: Object, daemon_set_exists: bool) -> Treatment:
    """What a drain does with a Pod. `daemon_set_exists` says whether there is the object that `daemon_set` names.

    The instance of a drained node is terminated afterwards. So Pods that no controller replaces are evicted as well,
    and Pods with data in an emptyDir, which is lost: as with --force and --delete-emptydir-data. A finished Pod is
    evicted, a DaemonSet's as well; the API server asks no budget for it.
    """
    # The kubelet makes the mirror of a static pod again for as long as the manifest is there.
    if _MIRROR in (_metadata(pod).get("annotations") or {}):
        return Treatment.SKIP
    finished = (pod.get("status") or {}).get("phase") in _FINISHED
    # The controller ignores that a node is cordoned: it would replace the Pod on this node at once.
    if daemon_set(pod) is not None and daemon_set_exists and not finished:
        return Treatment.SKIP
    return Treatment.AWAIT if _metadata(pod).get("deletionTimestamp") else Treatment.EVICT


def daemon_set(pod: Object) -> str | None:
    """The name of the DaemonSet, in the Pod's own namespace, that controls it; None where none does."""
    for owner in _metadata(pod).get("ownerReferences") or []:
        if owner.get("controller"):
            # Kinds of this name in other groups have controllers of their own, of which nothing is known.
            of_apps = str(owner.get("apiVersion")).startswith("apps/")
            return str(owner["name"]) if of_apps and owner.get("kind") == "DaemonSet" else None
    return None


def _metadata(pod: Object) -> Object:
    found: Object = pod["metadata"]
    return found
